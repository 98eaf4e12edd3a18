import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chisquare, multinomial

from serve_app.errors import InvalidInput
from serve_app.experiments.dirichlet_multinomial import log_e_values
from serve_app.experiments.sample_ratio import RatioState, chi_square, sequential

# growthbook/growthbook 8f1db44 (2026-08-21), packages/back-end/test/stats.test.ts, checkSrm
GROWTHBOOK = [
    ([1000, 1200], [0.5, 0.5], 0.000020079),
    ([135, 115], [0.5, 0.5], 0.205903211),
    ([310, 98], [0.75, 0.25], 0.647434186),
    ([1000], [0.5, 0.5], 1),
    ([1000, 900, 800], [1, 0, 0], 1),
    ([1000, 1200, 900], [0.5, 0.5, 0], 0.000020079),
    ([0, 0, 0], [0.34, 0.33, 0.33], 1),
    ([0, 10, 10], [0.34, 0.33, 0.33], 0.005790624),
    ([500, 500, 600], [0.34, 0.33, 0.33], 0.000592638),
    ([500, 500], [0.5, 0.5], 1),
]


@pytest.mark.parametrize(("counts", "weights", "p_value"), GROWTHBOOK)
def test_chi_square_gives_the_published_p_values(counts, weights, p_value):
    assert round(chi_square(counts, weights).p_value, 9) == p_value


def test_the_sample_ratio_mismatch_of_the_textbook():
    # R. Kohavi, D. Tang and Y. Xu, Trustworthy Online Controlled Experiments (2020), chapter 21
    assert f"{chi_square([821_588, 815_482], [1, 1]).p_value:.1e}" == "1.8e-06"


def test_chi_square_agrees_with_scipy_and_counts_what_should_not_be_there():
    result = chi_square([480, 310, 205, 7], [5, 3, 2, 0])
    reference = chisquare([480, 310, 205], [497.5, 298.5, 199])
    assert result.statistic == pytest.approx(reference.statistic)
    assert result.p_value == pytest.approx(reference.pvalue)
    assert result.expected == pytest.approx((497.5, 298.5, 199))
    assert (result.degrees_of_freedom, result.unexpected) == (2, 7)


# optimizely/ssrm 0.1.5, ssrm_test/test_ssrm_test.py, test_sequential_posteriors: the log marginal
# likelihoods of the alternative and of the expected shares after each look.
UNITS = [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
OF_UNITS = [
    (-1.0986122886681096, -0.916290731874155),
    (-2.4849066497880004, -1.83258146374831),
    (-3.401197381662155, -2.748872195622465),
    (-4.499809670330265, -3.66516292749662),
    (-6.4457198193855785, -5.27460083993072),
]
BLOCKS = [[20, 17, 9], [18, 21, 8], [4, 6, 4], [18, 19, 11]]
OF_BLOCKS = [
    (-7.028201432058012, -4.0776406466061985),
    (-11.947847738358888, -8.265946861099877),
    (-15.471401950257842, -11.610743519545139),
    (-19.96484521090386, -15.781031228536165),
]


@pytest.mark.parametrize(("arrivals", "likelihoods"), [(UNITS, OF_UNITS), (BLOCKS, OF_BLOCKS)])
def test_sequential_evidence_is_the_published_one(arrivals, likelihoods):
    result = sequential(arrivals, [0.4, 0.4, 0.2], concentration=1, centre=[1, 1, 1])
    expected = [alternative - null for alternative, null in likelihoods]
    assert result.log_e_values == pytest.approx(expected, rel=1e-9)


def test_sequential_p_value_and_posterior_are_the_published_ones():
    # optimizely/ssrm 0.1.5, test_regression: ten subjects from numpy's legacy seed 0
    arrivals = multinomial.rvs(1, [0.1, 0.49, 0.41], size=10, random_state=np.random.RandomState(0))
    result = sequential(arrivals, [0.1, 0.5, 0.4])
    assert result.p_values[-1] == pytest.approx(0.9980534145723241, rel=1e-6)
    assert result.posteriors[-1] == pytest.approx(0.5004370206949569, rel=1e-6)
    assert math.exp(result.log_e_values[-1]) == pytest.approx(1.0017496120131435, rel=1e-6)


@given(
    n=st.integers(1, 30),
    share=st.floats(0.05, 0.95),
    concentration=st.floats(0.5, 1e5),
)
def test_the_mean_e_value_is_one_while_the_shares_are_as_expected(n, share, concentration):
    first = np.arange(n + 1)
    counts = np.stack([first, n - first], axis=1)
    e_values = np.exp(log_e_values(counts, [share, 1 - share], concentration))
    assert float((binom.pmf(first, n, share) * e_values).sum()) == pytest.approx(1, rel=1e-6)


looks = st.lists(
    st.tuples(st.lists(st.integers(0, 60), min_size=3, max_size=3), st.sampled_from("aAbc")),
    min_size=1,
    max_size=12,
)
EPOCHS = {"a": [1, 1, 1], "A": [2, 2, 2], "b": [2, 1, 1], "c": [3, 1, 0]}


@given(looks)
def test_one_look_after_the_other_knows_what_all_looks_together_know(steps):
    arrivals = [counts for counts, _ in steps]
    weights = [EPOCHS[epoch] for _, epoch in steps]
    whole = sequential(arrivals, weights, concentration=50, alpha=0.05)
    state = RatioState(concentration=50, alpha=0.05)
    for count, weight in zip(arrivals, weights, strict=True):
        kept = json.loads(json.dumps(asdict(state)))
        state = RatioState(**kept).after(count, weight)
    assert state.log_e_value == pytest.approx(whole.log_e_values[-1], abs=1e-9)
    assert state.p_value == pytest.approx(whole.p_values[-1], rel=1e-9)
    assert state.posterior() == pytest.approx(whole.posteriors[-1], rel=1e-9)
    assert state.unexpected == whole.unexpected
    assert (state.alarm_at is None) == (whole.first_alarm is None)
    if whole.first_alarm is not None:
        assert state.alarm_at == np.sum(arrivals[: whole.first_alarm + 1])


def test_evidence_of_epochs_multiplies():
    before, after = [[5_400, 4_600]], [[2_000, 8_300]]
    both = sequential(before + after, [[0.5, 0.5], [0.2, 0.8]])
    first = sequential(before, [0.5, 0.5]).log_e_values[-1]
    second = sequential(after, [0.2, 0.8]).log_e_values[-1]
    assert both.log_e_values[-1] == pytest.approx(first + second)


def test_a_changed_weight_is_no_mismatch():
    rng = np.random.default_rng(4)
    half, tenth = rng.multinomial(200, [0.5, 0.5], 100), rng.multinomial(200, [0.9, 0.1], 100)
    arrivals = np.concatenate([half, tenth])
    by_epoch = sequential(arrivals, np.repeat([[0.5, 0.5], [0.9, 0.1]], 100, axis=0))
    assert by_epoch.first_alarm is None
    assert sequential(arrivals, [0.5, 0.5]).first_alarm is not None


def test_an_alarm_stays_and_names_its_look():
    result = sequential([[200, 100]] * 5 + [[100, 200]] * 50, [1, 1])
    assert result.first_alarm is not None
    assert result.p_values[result.first_alarm] <= 0.001 < result.p_values[result.first_alarm - 1]
    assert list(result.p_values) == sorted(result.p_values, reverse=True)
    assert max(result.posteriors) > 0.99


def test_one_arm_alone_and_no_subjects_are_no_evidence():
    assert sequential([[10, 3], [20, 0]], [1, 0]).log_e_values == (0, 0)
    assert sequential([[0, 0]], [1, 1]).p_values == (1,)
    assert RatioState().p_value == 1


@pytest.mark.parametrize(
    ("counts", "weights", "words"),
    [
        ([10, -1], [1, 1], "-1"),
        ([10, math.nan], [1, 1], "nan"),
        ([10, 1.5], [1, 1], "1.5"),
        ([10, 10], [0, 0], "sum to 0"),
        ([10, 10], [1, -1], "-1"),
        ([10, 10], [1, math.inf], "inf"),
        ([10, 10, 10], [1, 1], "one count per weight"),
        ([10, 10], [], "at least 1"),
    ],
)
def test_wrong_counts_and_weights_are_refused_in_words(counts, weights, words):
    with pytest.raises(InvalidInput, match=words):
        chi_square(counts, weights)
    with pytest.raises(InvalidInput):
        sequential([counts], weights)
    with pytest.raises(InvalidInput):
        RatioState().after(counts, weights)


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": 0},
        {"concentration": 0},
        {"prior_odds": -1},
        {"centre": [1]},
        {"centre": [1, 0]},
    ],
)
def test_wrong_settings_of_the_sequential_test_are_refused(settings):
    with pytest.raises(InvalidInput):
        sequential([[1, 2]], [1, 1], **settings)
    for setting in {"alpha", "concentration"} & set(settings):
        with pytest.raises(InvalidInput, match=setting):
            RatioState(**settings)
