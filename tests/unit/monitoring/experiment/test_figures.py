"""Numbers of experiments in words, and scales on which everything of importance can be seen."""

import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.monitoring.experiment import figures
from serve_app.monitoring.experiment.document import ArmTraffic, TrafficPoint
from serve_app.monitoring.experiment.figures import scale_of
from serve_app.monitoring.experiment.traffic_part import stretches_of

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0123456, "+0.0123"), (-3.0, "-3"), (0.0, "0"), (None, "not known"),
        (math.nan, "not known"), (math.inf, "unbounded"), (1_234.6, "+1,230"),
    ],
)  # fmt: skip
def test_differences_have_their_sign(value, shown):
    assert figures.signed(value) == shown


def test_an_interval_that_is_not_there_yet_is_no_number():
    assert figures.difference(0.1, -math.inf, math.inf) == "+0.1 (too early for an interval)"
    assert figures.difference(0.1, None, None) == "+0.1 (too early for an interval)"
    assert figures.difference(None, 0.0, 1.0) == "not known"
    assert figures.difference(0.1, 0.05, 0.15) == "+0.1 (+0.05 to +0.15)"
    assert figures.relative(0.1, 0.05, 0.15) == "+10 % (+5 % to +15 %)"
    assert figures.relative(2.5, None, None) == "+250 %"


def test_nothing_is_certain():
    assert figures.chance(0.99999) == "> 99.9 %"
    assert figures.chance(0.00001) == "< 0.1 %"
    assert figures.probability(1e-9) == "< 0.001"
    assert figures.probability(0.0414) == "0.041"
    assert figures.size(1e-13) == "next to nothing"
    assert figures.size(0.0) == "0"


@given(st.lists(FINITE, max_size=6), st.lists(st.floats(allow_nan=True), max_size=8))
def test_a_scale_holds_the_middle_and_every_value_has_a_place(middle, bounds):
    scale = scale_of(middle, bounds)
    assert math.isfinite(scale.low)
    assert scale.low < scale.high
    assert all(scale.holds(value) for value in middle)
    assert all(0 <= scale.across(value) <= 1 for value in middle)


def test_one_wide_interval_does_not_squeeze_the_others():
    scale = scale_of([0.0, 0.01, 0.02], [-0.01, 0.03, -0.02, 0.04, -900.0, 900.0])
    assert scale.high - scale.low < 0.1
    assert scale.holds(-0.02)
    assert scale.holds(0.04)
    assert scale.across(900.0) == 1.0


COUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=80)


@given(COUNTS)
def test_stretches_hold_all_units_and_enough_of_them_each(counts):
    def traffic(name, place):
        units = list(accumulate(count[place] for count in counts))
        course = tuple(TrafficPoint(float(at), so_far) for at, so_far in enumerate(units))
        return ArmTraffic(name, 0, 0, 0, 0, None, None, course)

    arms = [traffic("a@1", 0), traffic("b@1", 1)]
    stretches = stretches_of(arms)
    for place, name in enumerate(("a@1", "b@1")):
        assert sum(one.units[name] for one in stretches) == sum(count[place] for count in counts)
    total = sum(map(sum, counts))
    assert all(one.total >= min(total, max(50, total / 40)) for one in stretches)
    assert len(stretches) <= 40
    assert all(one.to_s <= after.from_s for one, after in pairwise(stretches))
