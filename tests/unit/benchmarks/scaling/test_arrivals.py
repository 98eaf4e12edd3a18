"""Times at which requests arrive."""

import random

import pytest

from benchmarks.scaling.arrivals import Phase, poisson


def test_each_phase_has_its_rate_and_its_time() -> None:
    phases = [Phase(100, 50), Phase(0, 10), Phase(20, 100)]
    times_s = list(poisson(phases, random.Random(1)))
    assert times_s == sorted(times_s)
    first = [time for time in times_s if time < 50]
    last = [time for time in times_s if 60 <= time < 160]
    assert len(first) + len(last) == len(times_s)
    # Of 5,000 and 2,000 independent arrivals, within four standard deviations.
    assert len(first) == pytest.approx(5000, abs=4 * 5000**0.5)
    assert len(last) == pytest.approx(2000, abs=4 * 2000**0.5)


def test_the_same_chance_gives_the_same_times() -> None:
    phases = [Phase(5, 10)]
    assert list(poisson(phases, random.Random(3))) == list(poisson(phases, random.Random(3)))
