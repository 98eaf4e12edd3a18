import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from serve_app.errors import InvalidInput
from serve_app.experiments.multiple import (
    allocate_alpha,
    alpha_of_attempt,
    benjamini_hochberg,
    bonferroni,
    holm,
)

# R's multtest::mt.rawp2adjp as printed in statsmodels 82c59e3 (2026-08-22),
# statsmodels/stats/tests/test_multi.py: res_multtest1 (p-values, Holm, BH), sorted.
RAW = [
    5.2365677720800003e-05,
    2.8140506198e-04,
    1.49877310796e-02,
    2.02732688798e-02,
    1.77096952723e-01,
    6.42193923795e-01,
    6.80845947633e-01,
    7.1626938238e-01,
    8.38541367553e-01,
    9.67833824309e-01,
]
HOLM = [
    5.2365677720800005e-04,
    2.5326455578199999e-03,
    1.1990184863680001e-01,
    1.4191288215860001e-01,
    1, 1, 1, 1, 1, 1,
]  # fmt: skip
BH = [
    5.2365677720800005e-04,
    1.4070253098999999e-03,
    4.9959103598666670e-02,
    5.0683172199499998e-02,
    3.5419390544599999e-01,
    8.9533672797500008e-01,
    8.9533672797500008e-01,
    8.9533672797500008e-01,
    9.3171263061444454e-01,
    9.6783382430900000e-01,
]
# The same, res_multtest3
RAW3 = [0.001, 0.002, 0.003, 0.004, 0.005, 0.05, 0.06, 0.07, 0.08, 0.09]
HOLM3 = [0.01, 0.018, 0.024, 0.028, 0.03, 0.25, 0.25, 0.25, 0.25, 0.25]
BH3 = [0.01] * 5 + [0.08333333333333334, 0.0857142857142857, 0.0875, 0.0888888888888889, 0.09]


@pytest.mark.parametrize(("raw", "expected"), [(RAW, HOLM), (RAW3, HOLM3)])
def test_holm_gives_the_published_p_values(raw, expected):
    assert holm(raw) == pytest.approx(expected, rel=1e-13)
    assert holm(raw[::-1]) == pytest.approx(expected[::-1], rel=1e-13)


@pytest.mark.parametrize(("raw", "expected"), [(RAW, BH), (RAW3, BH3)])
def test_benjamini_hochberg_gives_the_published_p_values(raw, expected):
    assert benjamini_hochberg(raw) == pytest.approx(expected, rel=1e-13)


p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(p_lists)
def test_benjamini_hochberg_agrees_with_scipy(p_values):
    assert benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values))


@given(p_lists)
def test_holm_lies_between_the_p_values_and_bonferronis(p_values):
    adjusted = holm(p_values)
    for raw, stepped, largest in zip(p_values, adjusted, bonferroni(p_values), strict=True):
        assert raw <= stepped <= largest <= 1


@pytest.mark.parametrize("wrong", [[], [0.5, 1.5], [-0.1], [math.nan]])
@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg, bonferroni])
def test_what_is_no_p_value_is_refused(adjust, wrong):
    with pytest.raises(InvalidInput, match="p-values"):
        adjust(wrong)


@given(
    alpha=st.floats(0.001, 0.5),
    guardrails=st.dictionaries(st.text(max_size=4), st.floats(0.1, 9), min_size=1, max_size=6),
    steps=st.lists(st.floats(0.1, 9), min_size=1, max_size=8),
)
def test_all_of_alpha_is_spent_and_no_more(alpha, guardrails, steps):
    allocation = allocate_alpha(alpha, guardrails, steps)
    assert allocation.spent == pytest.approx(alpha)
    assert all(len(parts) == len(steps) for parts in allocation.by_guardrail.values())


def test_alpha_is_split_by_weights():
    allocation = allocate_alpha(0.05, {"errors": 3, "latency": 1}, [2, 1, 1])
    assert allocation.by_guardrail["errors"] == pytest.approx((0.01875, 0.009375, 0.009375))
    assert allocation.by_guardrail["latency"] == pytest.approx((0.00625, 0.003125, 0.003125))


def test_attempts_without_an_end_spend_alpha_together():
    parts = [alpha_of_attempt(0.05, attempt) for attempt in range(1, 5_001)]
    assert 0.0499 < sum(parts) < 0.05
    assert parts[0] == pytest.approx(0.05 * 0.6079271)


@pytest.mark.parametrize(
    ("alpha", "guardrails", "steps"),
    [
        (0, {"errors": 1}, [1]),
        (1.2, {"errors": 1}, [1]),
        (0.05, {}, [1]),
        (0.05, {"errors": 0}, [1]),
        (0.05, {"errors": -1, "latency": 2}, [1]),
        (0.05, {"errors": 1}, []),
        (0.05, {"errors": 1}, [0, 0]),
    ],
)
def test_an_alpha_that_cannot_be_split_is_refused(alpha, guardrails, steps):
    with pytest.raises(InvalidInput):
        allocate_alpha(alpha, guardrails, steps)


@pytest.mark.parametrize("attempt", [0, -1, 1.5])
def test_attempts_are_counted_from_one(attempt):
    with pytest.raises(InvalidInput):
        alpha_of_attempt(0.05, attempt)
