"""Group-sequential tests against published tables, and against simulated looks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from serve_app.errors import InvalidInput
from serve_app.experiments.effect import Effect
from serve_app.experiments.group_sequential import (
    classical_design,
    group_sequential_design,
    obrien_fleming_constant,
    pocock_constant,
    repeated_comparison,
    repeated_testing_error,
    stagewise_p_value,
)
from serve_app.experiments.plans import GroupSequentialPlan
from serve_app.experiments.power import sample_price
from serve_app.experiments.repeated_looks import crossing_probabilities
from serve_app.experiments.spending import spent_alpha

FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]
LOOKS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
# Jennison and Turnbull 2000, "Group Sequential Methods with Applications to Clinical Trials",
# table 2.1 (Pocock) and table 2.3 (O'Brien and Fleming).
POCOCK = {
    0.01: [2.576, 2.772, 2.873, 2.939, 2.986, 3.023, 3.053, 3.078, 3.099, 3.117],
    0.05: [1.960, 2.178, 2.289, 2.361, 2.413, 2.453, 2.485, 2.512, 2.535, 2.555],
    0.1: [1.645, 1.875, 1.992, 2.067, 2.122, 2.164, 2.197, 2.225, 2.249, 2.270],
}
OBRIEN_FLEMING = {
    0.01: [2.576, 2.580, 2.595, 2.609, 2.621, 2.631, 2.640, 2.648, 2.654, 2.660],
    0.05: [1.960, 1.977, 2.004, 2.024, 2.040, 2.053, 2.063, 2.072, 2.080, 2.087],
    0.1: [1.645, 1.678, 1.710, 1.733, 1.751, 1.765, 1.776, 1.786, 1.794, 1.801],
}


@pytest.mark.parametrize("alpha", POCOCK)
def test_pocock_constants_are_those_of_the_table(alpha):
    computed = [round(pocock_constant(looks, alpha=alpha), 3) for looks in LOOKS]
    assert computed == POCOCK[alpha]


@pytest.mark.parametrize("alpha", OBRIEN_FLEMING)
def test_obrien_fleming_constants_are_those_of_the_table(alpha):
    computed = [round(obrien_fleming_constant(looks, alpha=alpha), 3) for looks in LOOKS]
    assert computed == OBRIEN_FLEMING[alpha]


@pytest.mark.parametrize(
    ("looks", "error"),
    [(1, 0.05), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248)],
)
def test_repeated_testing_errs_as_armitage_mcpherson_and_rowe_computed(looks, error):
    """Armitage, McPherson and Rowe 1969, JRSS A 132(2), table 2, at 1.96."""
    assert repeated_testing_error(looks, 1.96) == pytest.approx(error, abs=5.5e-4)


# Lan and DeMets 1983 with five equal looks, two-sided 0.05, as R's ldbounds prints them.
@pytest.mark.parametrize(
    ("spending", "boundaries"),
    [
        ("obrien-fleming", [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        ("pocock", [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_spending_gives_the_published_boundaries(spending, boundaries):
    design = group_sequential_design(FIFTHS, spending=spending)
    assert list(design.boundaries) == pytest.approx(boundaries, abs=1.6e-4)
    assert design.spent[-1] == 0.05


# Jennison and Turnbull 2000, tables 2.2 and 2.4: the largest sample over that of one look.
@pytest.mark.parametrize(
    ("kind", "looks", "price"),
    [
        ("pocock", 2, (1.110, 1.100)),
        ("pocock", 5, (1.228, 1.206)),
        ("pocock", 10, (1.301, 1.271)),
        ("obrien-fleming", 2, (1.008, 1.007)),
        ("obrien-fleming", 5, (1.028, 1.026)),
        ("obrien-fleming", 10, (1.040, 1.037)),
    ],
)
def test_the_price_in_rows_is_that_of_the_tables(kind, looks, price):
    plan = GroupSequentialPlan(classical_design(kind, looks))
    expected = Effect(0.1, 0.05, 1000, 1000, 1998)
    for power, published in zip((0.8, 0.9), price, strict=True):
        assert sample_price(expected, plan, power=power) == pytest.approx(published, abs=1.5e-3)


@pytest.mark.parametrize("drift", [0.0, 2.5])
def test_crossings_are_those_of_the_multivariate_normal(drift):
    information = [0.3, 0.7, 1.0]
    upper = [2.4, 2.2, 2.0]
    covariance = [
        [math.sqrt(min(a, b) / max(a, b)) for a in information] for b in information
    ]  # fmt: skip
    mean = [drift * math.sqrt(a) for a in information]
    inside = multivariate_normal(mean, covariance).cdf(
        upper, lower_limit=[-bound for bound in upper], rng=np.random.default_rng(1)
    )
    crossed = crossing_probabilities(information, upper, [-bound for bound in upper], drift=drift)
    assert crossed.total == pytest.approx(1 - inside, abs=2e-5)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=6, unique=True),
    st.sampled_from(["pocock", "obrien-fleming"]),
    st.sampled_from(["two-sided", "greater"]),
    st.floats(0.005, 0.2),
)
def test_looks_at_any_time_spend_what_may_be_spent(times, spending, side, alpha):
    fractions = np.cumsum(sorted(times))
    fractions = [float(t) for t in fractions / fractions[-1]]
    design = group_sequential_design(fractions, alpha=alpha, spending=spending, side=side)
    lower = [-bound for bound in design.boundaries] if side == "two-sided" else None
    crossed = crossing_probabilities(fractions, design.boundaries, lower)
    assert crossed.total == pytest.approx(alpha, rel=1e-4)


def test_simulated_looks_reject_as_often_as_the_design_says():
    random = np.random.default_rng(8)
    design = group_sequential_design(FIFTHS, spending="pocock")
    steps = random.normal(0, math.sqrt(0.2), (40_000, 5)).cumsum(axis=1)
    z = steps / np.sqrt(FIFTHS)
    assert (np.abs(z) >= design.boundaries).any(axis=1).mean() == pytest.approx(0.05, abs=0.004)


def test_a_look_that_may_spend_nothing_has_no_boundary():
    design = group_sequential_design([0.0001, 1.0])
    assert design.boundaries[0] == math.inf
    assert design.boundaries[1] == pytest.approx(1.959964, abs=1e-6)


def test_the_last_look_may_come_late():
    design = group_sequential_design([0.5, 1.3])
    assert design.spent[-1] == 0.05


def test_repeated_p_values_agree_with_the_boundary():
    design = group_sequential_design([0.3, 0.6])
    for factor, significant in ((0.99, False), (1.01, True)):
        z = factor * design.boundaries[-1]
        result = repeated_comparison(Effect(z, 1.0, 300, 300, 598), design)
        assert result.significant is significant
        assert (result.p_value < 0.05) is significant


def test_one_sided_comparisons_look_their_way():
    design = group_sequential_design([0.5, 1.0], side="less")
    result = repeated_comparison(Effect(-3.0, 1.0, 300, 300, 598), design)
    assert result.interval.upper < 0
    assert result.interval.lower == -math.inf
    assert result.p_value < 0.01
    assert repeated_comparison(Effect(3.0, 1.0, 300, 300, 598), design).p_value > 0.9


def test_a_stagewise_p_value_of_one_look_is_the_usual_one():
    design = group_sequential_design([1.0])
    assert stagewise_p_value(2.2, design) == pytest.approx(2 * norm.sf(2.2), rel=1e-9)


def test_a_stagewise_p_value_at_the_boundary_is_what_was_spent():
    for side in ("two-sided", "greater"):
        design = group_sequential_design([0.25, 0.5, 0.8], side=side, spending="pocock")
        at_boundary = stagewise_p_value(design.boundaries[-1], design)
        assert at_boundary == pytest.approx(design.spent[-1], rel=1e-6)


def test_stagewise_p_values_are_uniform_under_the_null():
    random = np.random.default_rng(9)
    fractions = [0.4, 0.7, 1.0]
    design = group_sequential_design(fractions, spending="pocock", side="greater")
    p_values = []
    for path in random.normal(size=(1500, 3)):
        steps = (path * np.sqrt([0.4, 0.3, 0.3])).cumsum() / np.sqrt(fractions)
        crossed = np.flatnonzero(steps >= design.boundaries)
        end = int(crossed[0]) if crossed.size else 2
        until = group_sequential_design(fractions[: end + 1], spending="pocock", side="greater")
        p_values.append(stagewise_p_value(float(steps[end]), until))
    quantiles = np.quantile(p_values, [0.05, 0.25, 0.5, 0.75])
    assert quantiles == pytest.approx([0.05, 0.25, 0.5, 0.75], abs=0.04)


def test_spending_begins_with_nothing_and_ends_with_all():
    for spending in ("pocock", "obrien-fleming"):
        spent = [spent_alpha(t, 0.05, spending=spending) for t in (0, 0.2, 0.6, 1, 1.4)]
        assert spent[0] == 0
        assert spent[-2:] == [0.05, 0.05]
        assert spent == sorted(spent)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: group_sequential_design([]), "at least one look"),
        (lambda: group_sequential_design([0.5, 0.5]), "must grow"),
        (lambda: group_sequential_design([-0.5, 0.5]), "above zero"),
        (lambda: group_sequential_design([0.5, math.nan]), "finite"),
        (lambda: group_sequential_design([1.0], alpha=0), "between 0 and 1"),
        (lambda: group_sequential_design([1.0], spending="linear"), "no spending function"),
        (lambda: group_sequential_design([1.0], side="up"), "no alternative"),
        (lambda: group_sequential_design([k / 2000 for k in range(1, 2001)]), "always-valid"),
        (lambda: classical_design("haybittle", 3), "no design"),
        (lambda: pocock_constant(0), "at least 1"),
        (lambda: repeated_testing_error(3, 0), "above zero"),
        (lambda: crossing_probabilities([1, 2], [2.0]), "needed for each look"),
        (lambda: crossing_probabilities([1], [1.0], [2.0]), "nothing between"),
        (lambda: spent_alpha(-0.1, 0.05), "negative"),
        (lambda: stagewise_p_value(math.nan, group_sequential_design([1.0])), "finite"),
    ],
)
def test_what_cannot_be_is_refused_in_words(call, words):
    with pytest.raises(InvalidInput, match=words):
        call()
