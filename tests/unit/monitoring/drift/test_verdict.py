"""What a window says about features, and why it says nothing about some."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.verdict import (
    FeatureReference,
    FeatureWindow,
    WindowVerdict,
    judge,
    judge_window,
)

SETTINGS = DriftSettings()
AGE = FeatureReference(
    "age",
    "numbers",
    (0, *[1000] * 32, 0),
    positions=tuple(map(float, range(34))),
    standard_deviation=9.0,
    outside=(0, 33),
)
COLOUR = FeatureReference(
    "colour", "categories", (6000, 3000, 990, 10, 0, 0), missing=0, unseen=(5,)
)


def only(reference, window, settings=SETTINGS):
    (verdict,) = judge([reference], {reference.name: window}, settings)
    return verdict


def ages(*counts, missing=0):
    return FeatureWindow((0, *counts, 0), missing)


def test_a_shifted_feature_drifted_and_says_how_far():
    verdict = only(AGE, ages(*range(0, 128, 4)))
    assert verdict.drifted
    assert verdict.not_judged is None
    assert (verdict.rows, verdict.distance, verdict.threshold) == (1984, "psi", 0.1)
    before, now = [1000] * 32, list(range(0, 128, 4))
    expected = stats.chi2_contingency(np.array([before, now]), correction=False)
    # Expected rows are 58 in every bin, so that none is merged.
    assert verdict.statistic == pytest.approx(expected.statistic)
    assert verdict.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-300)
    assert verdict.degrees == 31
    assert set(verdict.distances) == {
        "psi", "jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein", "l_infinity",
        "total_variation", "cramers_v",
    }  # fmt: skip
    rows = [np.repeat(range(32), counts) for counts in (before, now)]
    assert verdict.distances["wasserstein"] == pytest.approx(stats.wasserstein_distance(*rows) / 9)


def test_effect_without_significance_and_significance_without_effect_are_no_drift():
    large = only(AGE, ages(*[640_000] * 16, *[760_000] * 16))
    assert large.adjusted_p < 1e-9
    assert large.distances["psi"] < 0.1
    assert not large.drifted
    small = only(AGE, ages(*[3, 0] * 16), DriftSettings(minimum_rows=40))
    assert small.distances["psi"] > 0.1
    assert small.adjusted_p > 0.01
    assert not small.drifted


@pytest.mark.parametrize(
    ("reference", "window", "words"),
    [
        (AGE, ages(*[3] * 32), "too few rows: 96 of 640"),
        (AGE, ages(*[0] * 32, missing=500), "no rows with a value"),
        (AGE, None, "the window has no counts of it"),
        (AGE, FeatureWindow((1, 2)), "counted in other bins: 2 bins in the window, 34 in the"),
        (
            replace(AGE, counts=(0, *[1] * 15, *[0] * 17, 0)),
            ages(*[30] * 32),
            "too few rows in the reference: 15 of 40",
        ),
        (replace(AGE, counts=(0,) * 34), ages(*[30] * 32), "the reference has no values of it"),
        (
            replace(AGE, counts=(0, *[0] * 20, 5000, *[0] * 11, 0)),
            ages(*[30] * 32),
            "the reference has no two values of 20 rows",
        ),
    ],
)
def test_what_is_not_judged_says_why(reference, window, words):
    (verdict,) = judge([reference], {} if window is None else {"age": window}, SETTINGS)
    assert words in verdict.not_judged
    assert not verdict.drifted
    assert verdict.adjusted_p is None
    assert "distribution" not in verdict.findings()


def test_a_distance_that_needs_positions_is_not_judged_without():
    settings = DriftSettings(number_distance="wasserstein")
    assert only(AGE, ages(*range(0, 128, 4)), settings).drifted
    verdict = only(replace(AGE, positions=None), ages(*range(0, 128, 4)), settings)
    assert "wasserstein needs a standard deviation" in verdict.not_judged


@pytest.mark.parametrize("test", ["chi_square", "psi", "kolmogorov_smirnov"])
@pytest.mark.parametrize("distance", ["psi", "kolmogorov_smirnov", "wasserstein", "hellinger"])
def test_every_test_and_distance_sees_a_shift_and_no_noise(test, distance):
    settings = DriftSettings(test=test, number_distance=distance)
    assert only(AGE, ages(*range(0, 128, 4)), settings).drifted
    noise = np.random.default_rng(3).multinomial(2000, [1 / 32] * 32)
    assert not only(AGE, ages(*noise.tolist()), settings).drifted


@pytest.mark.parametrize("test", ["chi_square", "psi", "kolmogorov_smirnov"])
def test_categories_that_trade_places_drifted(test):
    settings = DriftSettings(test=test)
    assert only(COLOUR, FeatureWindow((300, 600, 99, 1, 0, 0)), settings).drifted
    assert not only(COLOUR, FeatureWindow((610, 295, 95, 0, 0, 0)), settings).drifted


def test_a_rare_category_that_is_rare_no_more_drifted():
    verdict = only(COLOUR, FeatureWindow((570, 285, 95, 50, 0, 0)))
    assert verdict.drifted
    assert not verdict.rates["unseen"].drifted


def test_values_that_nobody_has_seen_are_a_rate_of_their_own():
    rate = only(COLOUR, FeatureWindow((585, 292, 93, 0, 0, 30))).rates["unseen"]
    assert (rate.reference, rate.current, rate.change) == (0, 0.03, 0.03)
    assert rate.drifted
    # Too few to matter, though significant:
    rare = only(COLOUR, FeatureWindow((592, 295, 98, 1, 0, 14))).rates["unseen"]
    assert rare.adjusted_p < 0.01
    assert not rare.drifted


def test_numbers_out_of_range_are_a_rate_that_may_only_grow():
    rate = only(AGE, FeatureWindow((40, *[60] * 32, 0))).rates["out_of_range"]
    assert rate.drifted
    assert rate.current == pytest.approx(40 / 1960)
    wide = replace(AGE, counts=(1600, *[1000] * 32, 0))
    assert not only(wide, FeatureWindow((0, *[60] * 32, 0))).rates["out_of_range"].drifted


def test_missing_values_may_neither_come_nor_go():
    assert only(AGE, ages(*[60] * 32, missing=300)).rates["missing"].drifted
    half = replace(AGE, missing=32000)
    assert only(half, ages(*[60] * 32, missing=0)).rates["missing"].drifted
    assert not only(half, ages(*[60] * 32, missing=1900)).rates["missing"].drifted


def test_a_feature_that_vanished_is_a_rate_though_no_value_can_be_judged():
    verdict = only(AGE, ages(*[0] * 32, missing=500))
    assert verdict.findings() == {"missing": True}


def test_rates_of_a_tiny_window_are_not_judged():
    assert only(AGE, ages(1, *[0] * 31, missing=7)).findings() == {}


def test_numbers_of_few_values_have_an_order_that_unseen_ones_stay_out_of():
    dice = FeatureReference(
        "dice", "numbers", (500,) * 6 + (0,), 0, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), 1.7, unseen=(6,)
    )
    verdict = only(dice, FeatureWindow((80, 90, 100, 110, 120, 100, 0)))
    rows = [np.repeat(range(1, 7), n) for n in ([500] * 6, [80, 90, 100, 110, 120, 100])]
    assert verdict.distances["kolmogorov_smirnov"] == pytest.approx(stats.ks_2samp(*rows).statistic)
    assert verdict.distances["wasserstein"] == pytest.approx(
        stats.wasserstein_distance(*rows) / 1.7
    )
    assert not verdict.drifted
    strange = only(dice, FeatureWindow((0, 0, 0, 0, 0, 0, 400)))
    assert strange.findings() == {"distribution": True, "missing": False, "unseen": True}
    assert "wasserstein" not in strange.distances


def test_new_categories_come_as_often_as_categories_of_one_row():
    names = replace(COLOUR, counts=(6000, 3000, *[1] * 1000, 0), unseen=(1002,))
    # A tenth of the reference's rows are the only ones of their category.
    window = FeatureWindow((595, 295, *[0] * 1000, 110))
    assert not only(names, window).rates["unseen"].drifted
    assert only(replace(names, singletons=0), window).rates["unseen"].drifted
    assert only(names, window).rates["unseen"].reference == 0.1


def test_all_p_values_of_a_window_are_adjusted_together():
    names = [f"f{number}" for number in range(20)]
    references = [replace(AGE, name=name) for name in names]
    random = np.random.default_rng(8)
    window = {
        name: ages(*random.multinomial(2000, [1 / 32] * 32).tolist(), missing=random.poisson(1))
        for name in names
    }
    verdicts = judge(references, window, SETTINGS)
    raw, adjusted = [], []
    for one in verdicts:
        raw += [one.p, *(rate.p for rate in one.rates.values())]
        adjusted += [one.adjusted_p, *(rate.adjusted_p for rate in one.rates.values())]
    assert adjusted == pytest.approx(list(stats.false_discovery_control(raw)))
    assert len(raw) == 60


def test_predictions_are_a_family_of_their_own():
    score = replace(AGE, name="score", outside=())
    verdict = judge_window(
        [AGE, COLOUR],
        [score],
        {"age": ages(*range(0, 128, 4)), "colour": FeatureWindow((610, 295, 95, 0, 0, 0))},
        {"score": ages(*[60] * 32)},
        SETTINGS,
    )
    assert verdict.drifted() == ("age",)
    assert verdict.drifted_share() == 0.5
    assert [one.drifted for one in verdict.predictions] == [False]
    assert WindowVerdict(()).drifted_share() == 0


def test_a_reference_of_few_rows_is_judged_in_wider_bins():
    # By hand, the first three bins hold 20 rows, each four after them 26, and one is left: eight
    # cells of at least 20 rows.
    small = replace(AGE, counts=(0, *[7, 6] * 16, 0))
    assert only(small, ages(*[4] * 32)).not_judged == "too few rows: 128 of 160"
    verdict = only(small, ages(*range(0, 64, 2)))
    assert verdict.not_judged is None
    assert verdict.drifted


def test_verdicts_travel():
    verdict = only(AGE, ages(*range(0, 128, 4)))
    assert pickle.loads(pickle.dumps(verdict)) == verdict


COUNTS = st.lists(st.integers(0, 5000), min_size=6, max_size=6)


@given(COUNTS, COUNTS, st.sampled_from(["numbers", "categories"]), st.integers(0, 999))
def test_no_counts_break_a_verdict(before, now, kind, missing):
    reference = FeatureReference(
        "any", kind, tuple(before), missing, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), 1.5, (0, 5), (4,)
    )
    verdict = only(reference, FeatureWindow(tuple(now), missing))
    for p in [verdict.p, verdict.adjusted_p, *(rate.p for rate in verdict.rates.values())]:
        assert p is None or 0 <= p <= 1
    assert not (verdict.drifted and verdict.not_judged)


@given(st.lists(COUNTS, min_size=1, max_size=5), st.data())
def test_replicas_merged_in_any_order_give_the_same_verdict(parts, data):
    merged = FeatureWindow(tuple(map(sum, zip(*parts, strict=True))))
    shuffled = data.draw(st.permutations(parts))
    again = FeatureWindow(tuple(map(sum, zip(*shuffled, strict=True))))
    assert only(COLOUR, merged) == only(COLOUR, again)
