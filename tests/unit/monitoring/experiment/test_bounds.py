"""Metrics of yes and no are judged exactly while events are few."""

import numpy as np
import pytest
from scipy import stats

from serve_app.monitoring.experiment.bounds import EXACT
from tests.unit.monitoring.experiment.simulated import exposures, objects, rewarded
from tests.unit.monitoring.experiment.test_analysis import report_of

GUARDED = {
    "primary": {"metric": "conversion", "window_s": 5},
    "guardrails": [{"metric": "error_rate", "margin": 0.005}],
}


def guardrail(n, failed=((), ()), **more):
    """The comparison of errors of `n` requests by turns, of which these fail by variant."""
    arm = np.arange(n) % 2
    answered = np.ones(n, np.bool_)
    for place, numbers in enumerate(failed):
        answered[np.flatnonzero(arm == place)[list(numbers)]] = False
    rows = exposures(arm, answered=answered, **more)
    reward = rewarded(np.zeros(n) + (np.arange(n) % 7 == 0))
    key = "patient" if "subject" in more else None
    report = report_of(GUARDED, rows, reward, key=key)
    return report, report.metrics[1].comparisons[0]


def test_a_guardrail_without_a_single_error_holds_once_there_are_enough_requests():
    _, one = guardrail(8_000)
    assert (one.verdict, one.effect, one.note) == ("not worse", 0.0, EXACT)
    # Nothing that holds at all looks is narrower than the exact interval of one look alone
    # (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934).
    once = stats.binomtest(0, 4_000).proportion_ci(0.95, method="exact").high
    assert once < one.high < 0.005
    assert one.low == pytest.approx(-one.high)
    assert one.p_value == 1.0


def test_few_requests_say_nothing_of_rare_errors():
    _, one = guardrail(400)
    assert one.verdict == "undecided"
    assert one.low < -0.005
    assert one.high > 0.005


def test_a_few_errors_are_no_reason_to_take_a_variant_back():
    report, one = guardrail(8_000, ((), (5, 900, 2_000)))
    assert one.effect == pytest.approx(3 / 4_000)
    assert one.low < 0 < one.high
    assert report.decision.outcome != "roll back"


def test_who_always_fails_is_taken_back_before_any_burn_in():
    report, one = guardrail(160, ((), range(80)))
    assert (one.verdict, one.note) == ("worse", EXACT)
    assert (report.decision.outcome, report.decision.variant) == ("roll back", "b@1")
    # Fisher's exact test is surer: it looks once.
    assert stats.fisher_exact([[0, 80], [80, 0]]).pvalue < one.p_value < 0.05


def test_with_enough_events_the_approximation_judges_with_what_is_left_of_alpha():
    _, one = guardrail(8_000, (range(0, 4_000, 80), range(0, 4_000, 90)))
    assert one.note == ""
    assert one.low < one.effect < one.high


def test_many_requests_of_a_subject_count_as_one_of_the_most_that_anybody_has():
    n = 8_000
    turns = objects([f"s{at % 2}-{at // 40}" for at in range(n)])
    _, apart = guardrail(n)
    _, together = guardrail(n, subject=turns)
    # Twenty requests of each subject: 200 subjects a variant, who say less than 4,000.
    assert together.high > 5 * apart.high
    assert together.verdict == "undecided"


def test_what_is_no_yes_or_no_waits_for_its_burn_in():
    rows = exposures(np.arange(60) % 2, took_s=0.01 + np.arange(60) / 1000)
    settings = {"primary": "latency"}
    (one,) = report_of(settings, rows, rewarded(np.full(60, np.nan))).metrics[0].comparisons
    assert one.low is None
    assert one.note.startswith("too few yet")
