"""Scores of rows by the tails of their columns, against the paper's definition."""

import numpy as np
import pytest
from scipy.stats import ecdf, skew, spearmanr

from serve_app.core.columns import Columns
from serve_app.monitoring.profile.build import profile_of
from serve_app.monitoring.profile.ecod import Ecod


def by_definition(matrix):
    """Algorithm 1 of Li et al. (2022), with SciPy's distribution functions."""
    left, right, skewed = 0.0, 0.0, 0.0
    for column in matrix.T:
        up_to = -np.log(ecdf(column).cdf.evaluate(column))
        from_on = -np.log(ecdf(-column).cdf.evaluate(-column))
        left, right = left + up_to, right + from_on
        skewed = skewed + (up_to if skew(column) < 0 else from_on)
    return np.maximum(np.maximum(left, right), skewed)


def columns_of(matrix):
    return Columns.of({f"c{place}": column for place, column in enumerate(matrix.T)})


def ecod(columns):
    return Ecod(profile_of(columns).features)


def test_scores_of_few_values_are_those_of_the_paper():
    random = np.random.default_rng(1)
    matrix = np.column_stack(
        [random.poisson(2, 2_000), -random.poisson(3, 2_000), random.integers(0, 6, 2_000)]
    ).astype(float)
    columns = columns_of(matrix)
    assert ecod(columns).scores(columns) == pytest.approx(by_definition(matrix), rel=1e-9)


def test_scores_of_many_values_are_in_the_order_of_the_papers():
    random = np.random.default_rng(2)
    matrix = np.column_stack(
        [random.normal(size=5_000), random.gamma(2, size=5_000), -random.gamma(3, size=5_000)]
    )
    columns = columns_of(matrix)
    scores, expected = ecod(columns).scores(columns), by_definition(matrix)
    assert spearmanr(scores, expected).statistic > 0.995
    assert set(np.argsort(scores)[-3:]) & set(np.argsort(expected)[-10:])


def test_one_value_far_out_leads_among_many_columns():
    random = np.random.default_rng(3)
    matrix = random.normal(size=(4_000, 30))
    scorer = ecod(columns_of(matrix))
    odd = random.normal(size=(50, 30))
    odd[7, 11] = 40.0
    columns = columns_of(odd)
    scores = scorer.scores(columns)
    assert int(scores.argmax()) == 7
    assert scorer.leading(columns, 2)[7][0] == "c11"


def test_rare_and_unseen_categories_are_further_out_than_frequent_ones():
    reference = np.array(["rome"] * 900 + ["oslo"] * 95 + ["lima"] * 5, dtype=object)
    scorer = ecod(Columns.of({"city": reference}))
    asked = np.array(["rome", "oslo", "lima", "nowhere"], dtype=object)
    # The shares of rows whose category is at most as frequent; of one row more at least.
    expected = -np.log([1.0, 0.1, 0.005, 1 / 1001])
    assert scorer.scores(Columns.of({"city": asked})) == pytest.approx(expected)


def test_missing_values_count_by_how_often_they_are_missing():
    reference = np.where(np.arange(1_000) % 4 == 0, np.nan, np.arange(1_000.0))
    scorer = ecod(Columns.of({"age": reference}))
    assert scorer.scores(Columns.of({"age": np.array([np.nan])})) == pytest.approx(-np.log(0.25))


@pytest.mark.parametrize(
    "odd", [np.inf, -np.inf, 1e308, -1e308, np.nan, "text", None, 10**400, object()]
)
def test_no_value_breaks_a_score(odd):
    scorer = ecod(Columns.of({"age": np.random.default_rng(4).normal(size=500)}))
    values = np.empty(1, dtype=object)
    values[0] = odd
    columns = Columns.of({"age": values})
    assert np.isfinite(scorer.scores(columns)).all()
    assert scorer.leading(columns) == [("age",)]


def test_columns_that_never_had_a_number_and_constant_ones_have_scores():
    reference = Columns.of({"none": np.full(200, np.nan), "same": np.full(200, 3.0)})
    scorer = ecod(reference)
    usual, other = (
        scorer.scores(reference),
        scorer.scores(Columns.of({"none": np.array([1.0]), "same": np.array([4.0])})),
    )
    assert np.isfinite(usual).all()
    assert other[0] > usual.max()
