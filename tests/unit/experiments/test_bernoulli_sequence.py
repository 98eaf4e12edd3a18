"""Exact sequences of shares: published values, enumeration, and coverage by simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from serve_app.errors import InvalidInput
from serve_app.experiments.bernoulli_sequence import (
    bernoulli_difference,
    bernoulli_log_e_value,
    bernoulli_sequence,
    bounded_ratio_difference,
    equality_log_e_value,
)
from serve_app.experiments.mixture import beta_binomial_mixture, log_mixture


# confseq, test/uniform_boundaries_unittest.cpp at 70b1ef3, alpha 0.05; their tolerance is 1e-5.
@pytest.mark.parametrize(
    ("successes", "trials", "tightest_at", "lower", "upper"),
    [
        (700, 1000, 100, 0.651629, 0.745949),
        (15, 50, 50, 0.129556, 0.511896),
        (5, 50, 50, 0.013021, 0.269264),
        (1, 50, 50, 0.0, 0.13489),
        (1, 2, 50, 0.0, 1.0),
        (100, 200, 1, 0.328923, 0.671076),
        (0, 1, 50, 0.0, 1.0),
        (1, 1, 50, 0.0, 1.0),
    ],
)
def test_intervals_as_confseq_publishes_them(successes, trials, tightest_at, lower, upper):
    interval = bernoulli_sequence(successes, trials, tightest_at=tightest_at)
    assert interval.lower == pytest.approx(lower, abs=1e-5)
    assert interval.upper == pytest.approx(upper, abs=1e-5)


def test_before_the_first_row_everything_is_possible():
    interval = bernoulli_sequence(0, 0, tightest_at=50)
    assert (interval.lower, interval.upper) == (0, 1)


@pytest.mark.parametrize("p", [0.001, 0.05, 0.5])
def test_the_true_share_is_inside_at_every_look(p):
    """All looks at up to 600 rows, exactly: paths that have ever left are counted by a recursion.

    The chance of any path to leave is computed over the number of successes, so nothing is
    simulated and the promise holds as it stands.
    """
    inside = np.array([1.0])
    left = 0.0
    for n in range(1, 601):
        grown = np.zeros(n + 1)
        grown[:-1] += inside * (1 - p)
        grown[1:] += inside * p
        evidence = np.array(
            [
                bernoulli_log_e_value(k, n, p, tightest_at=200) if grown[k] > 1e-15 else 0.0
                for k in range(n + 1)
            ]
        )
        out = evidence >= math.log(1 / 0.05)
        left += grown[out].sum()
        grown[out] = 0
        inside = grown
    assert 0 <= left <= 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_a_difference_is_symmetric_and_holds_what_was_observed(n, m, data):
    control = data.draw(st.integers(0, n)), n
    treatment = data.draw(st.integers(0, m)), m
    there = bernoulli_difference(control, treatment, tightest_at=100)
    back = bernoulli_difference(treatment, control, tightest_at=100)
    assert there.interval.contains(there.difference)
    assert there.interval.lower == pytest.approx(-back.interval.upper, abs=1e-6)
    assert there.p_value == pytest.approx(back.p_value, rel=1e-4)
    if abs(there.p_value - 0.05) > 1e-4:
        assert (there.p_value < 0.05) == (not there.interval.contains(0))


def test_few_errors_are_judged_at_every_look():
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(60):
        counts = (random.random((2, 3000)) < 0.001).cumsum(axis=1)
        alarms += any(
            equality_log_e_value(
                (int(counts[0, n - 1]), n), (int(counts[1, n - 1]), n), tightest_at=2000
            )
            >= math.log(20)
            for n in range(250, 3001, 250)
        )
    # 0.05 of 60 and three standard deviations; far fewer, since looks here are few.
    assert alarms <= 8


def test_it_finds_what_is_there():
    result = bernoulli_difference((3, 2000), (20, 2000), tightest_at=1000)
    assert result.interval.lower > 0
    assert result.p_value < 0.05
    assert result.e_value == pytest.approx(1 / result.p_value)
    evidence = equality_log_e_value((3, 2000), (20, 2000), tightest_at=1000)
    assert evidence == pytest.approx(math.log(result.e_value))
    assert equality_log_e_value((0, 0), (3, 10), tightest_at=10) == 0


def test_it_is_narrower_than_two_sequences_at_half_of_alpha():
    control, treatment = (30, 1000), (50, 1000)
    joint = bernoulli_difference(control, treatment, tightest_at=1000).interval
    one, other = (
        bernoulli_sequence(*arm, tightest_at=1000, alpha=0.025) for arm in (control, treatment)
    )
    assert joint.width < 0.85 * (other.upper - one.lower - (other.lower - one.upper))


def test_an_arm_without_rows_says_nothing():
    result = bernoulli_difference((0, 0), (3, 10), tightest_at=10)
    assert (result.interval.lower, result.interval.upper) == (-1, 1)
    assert math.isnan(result.difference)
    assert result.p_value == 1


def test_huge_counts_and_shares_near_the_ends():
    assert bernoulli_sequence(0, 10**7, tightest_at=1000).upper < 1e-6
    assert bernoulli_sequence(10**7, 10**7, tightest_at=1000).lower > 1 - 1e-6
    apart = bernoulli_difference((5 * 10**8, 10**9), (5 * 10**8, 10**9), tightest_at=10**6)
    assert apart.interval.width < 3e-4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bernoulli_sequence(-1, 5, tightest_at=9), "at least 0"),
        (lambda: bernoulli_sequence(6, 5, tightest_at=9), "more than trials"),
        (lambda: bernoulli_sequence(1, math.nan, tightest_at=9), "finite"),
        (lambda: bernoulli_sequence(1, 5, tightest_at=0), "above zero"),
        (lambda: bernoulli_sequence(1, 5, tightest_at=9, alpha=1), "between 0 and 1"),
        (lambda: bernoulli_log_e_value(1, 5, 0.0, tightest_at=9), "between 0 and 1"),
        (lambda: bernoulli_difference((1, 5), (1.5, 5), tightest_at=9), "whole number"),
    ],
)
def test_what_cannot_be_is_refused_in_words(call, words):
    with pytest.raises(InvalidInput, match=words):
        call()


@pytest.mark.parametrize("tightest_at", [1, 50, 5000])
def test_its_evidence_is_that_of_the_general_mixture(tightest_at):
    for successes, trials, rate in [(3, 2000, 0.001), (700, 1000, 0.66), (0, 12, 0.3)]:
        variance = rate * (1 - rate)
        mixture = beta_binomial_mixture(
            variance * tightest_at, rate, 1 - rate, one_sided=False
        )  # fmt: skip
        expected = log_mixture(mixture, successes - rate * trials, variance * trials)
        ours = bernoulli_log_e_value(successes, trials, rate, tightest_at=tightest_at)
        assert ours == pytest.approx(expected, abs=1e-8)


def test_of_units_of_one_row_a_ratio_is_a_share():
    counts = (3, 400), (9, 380)
    of_shares = bernoulli_difference(*counts, tightest_at=500)
    assert bounded_ratio_difference(*counts, tightest_at=500) == of_shares


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0.05, 1), st.floats(0.05, 1)), min_size=2, max_size=4
    ),
    st.integers(1, 3),
    st.floats(0.5, 500),
)
@settings(max_examples=40)
def test_evidence_against_a_true_ratio_of_dependent_rows_is_not_to_be_expected(
    kinds, units, strength
):
    """The mean of the evidence over all that can happen is 1 at most, whatever units are like.

    Each unit is one of a few kinds, with so many rows `b` of which the part `a` is true.
    """
    chances = np.array([one[2] for one in kinds])
    chances /= chances.sum()
    b = np.array([one[1] for one in kinds])
    a = b * [one[0] for one in kinds]
    ratio = float(chances @ a / (chances @ b))
    if not 1e-3 < ratio < 1 - 1e-3:
        return
    expected = 0.0
    for drawn in itertools.product(range(len(kinds)), repeat=units):
        places = list(drawn)
        happened, rows = a[places].sum(), b[places].sum()
        q = special.beta(strength * ratio + happened, strength * (1 - ratio) + rows - happened)
        q /= special.beta(strength * ratio, strength * (1 - ratio))
        evidence = q / ratio**happened / (1 - ratio) ** (rows - happened)
        expected += float(chances[places].prod()) * evidence
    assert expected <= 1 + 1e-9


@pytest.mark.parametrize(
    ("treatment", "words"), [((3.0, 2.0), "above the denominator"), ((-1.0, 2.0), "numerator")]
)
def test_sums_that_no_units_have_are_refused(treatment, words):
    with pytest.raises(InvalidInput, match=words):
        bounded_ratio_difference((0, 5), treatment, tightest_at=500)
