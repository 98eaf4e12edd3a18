"""A short version of `make simulate`, and that it computes what the library computes."""

import numpy as np
import pytest

from benchmarks.simulate import (
    arms,
    canary,
    horizon,
    off_policy,
    paired_losses,
    peeking,
    quantiles,
    sample_ratio,
)
from benchmarks.simulate.__main__ import main
from benchmarks.simulate.guarantee import at_most, rate_at_least, rate_at_most
from serve_app.experiments.confidence_sequence import always_valid_test, past_burn_in
from serve_app.experiments.cuped import CovariateSums, cuped_estimates
from serve_app.experiments.effect import difference, lift
from serve_app.experiments.estimate import Sums, proportion_estimate


@pytest.mark.parametrize(
    "scenario", [canary, horizon, off_policy, paired_losses, peeking, quantiles, sample_ratio]
)
def test_what_is_promised_holds(scenario):
    missed = [line for line in scenario.measure(0.05) if not line.ok]
    assert not missed


def test_the_same_seeds_measure_the_same():
    assert canary.measure(0.02) == canary.measure(0.02)


def test_looking_without_correction_finds_what_is_not_there():
    naive = {
        line.name.partition(",")[0]: float(line.measured.split()[0])
        for line in peeking.measure(0.01)
        if "50/50: tested again" in line.name
    }
    assert list(naive) == ["share 0.5", "share 0.1", "share 0.02"]
    assert min(naive.values()) > 0.2


@pytest.mark.parametrize(
    ("z_of", "effect"), [(arms.z_of_difference, difference), (arms.z_of_lift, lift)]
)
def test_many_runs_at_once_are_compared_as_one_is(z_of, effect):
    random = np.random.default_rng(1)
    batches = np.full(6, 80, dtype=np.int64)
    control, treatment = (arms.bernoulli(random, p, batches, 3) for p in (0.1, 0.2))
    variances = arms.shares_variance(control), arms.shares_variance(treatment)
    z, n = z_of(control, treatment, variances)
    enough = arms.counted((control, treatment), events=True)
    for run in range(3):
        for look, rows in enumerate(control.n):
            counts = [(int(arm.total[run, look]), int(rows)) for arm in (control, treatment)]
            one = effect(*(proportion_estimate(*count) for count in counts))
            assert z[run, look] == pytest.approx(one.value / one.standard_error)
            assert n[look] == one.n
            sizes, events = [rows, rows], [events for events, _ in counts]
            assert enough[run, look] == past_burn_in(sizes, events)


def test_many_adjusted_runs_are_compared_as_one_is():
    random = np.random.default_rng(2)
    values = random.lognormal(size=(2, 2, 3, peeking.LOOKS, 50))
    metrics = [peeking._running(values[arm, 0]) for arm in range(2)]
    covariates = [peeking._running(values[arm, 1]) for arm in range(2)]
    products = [(values[arm, 0] * values[arm, 1]).sum(axis=2).cumsum(axis=1) for arm in range(2)]
    z, _ = peeking._z_adjusted(tuple(metrics), tuple(covariates), products)

    def sums(running, run, look):
        return Sums(int(running.n[look]), running.total[run, look], running.squares[run, look])

    for run, look in ((0, 3), (2, 150)):
        one = difference(
            *cuped_estimates(
                [
                    CovariateSums(
                        sums(metrics[arm], run, look),
                        sums(covariates[arm], run, look),
                        products[arm][run, look],
                    )
                    for arm in range(2)
                ]
            )
        )
        assert z[run, look] == pytest.approx(one.value / one.standard_error)
        assert not always_valid_test(one, tightest_at=1000, alpha=1e-9).significant


def test_a_missed_guarantee_is_said_and_fails(capsys, monkeypatch):
    monkeypatch.setattr(
        "benchmarks.simulate.__main__.SCENARIOS",
        {"canary": lambda effort: [at_most("time", 15, 16.0 * effort, " min")]},
    )
    assert main(["--only", "canary"]) == 1
    assert "MISSED" in capsys.readouterr().out
    assert main(["--only", "canary", "--effort", "0.5"]) == 0


def test_rates_pass_at_their_limit_and_a_few_beyond_it_by_chance():
    assert rate_at_most("", 0.05, 50, 1000, by_chance=False).ok
    assert not rate_at_most("", 0.05, 51, 1000, by_chance=False).ok
    # The 99.9 % quantile of 1,000 trials at 0.05 is 73.
    assert rate_at_most("", 0.05, 73, 1000, by_chance=True).ok
    assert not rate_at_most("", 0.05, 74, 1000, by_chance=True).ok
    assert rate_at_least("", 0.5, 453, 1000, by_chance=True).ok
    assert not rate_at_least("", 0.5, 450, 1000, by_chance=True).ok
