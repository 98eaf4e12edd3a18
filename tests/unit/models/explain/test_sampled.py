"""Sampled Shapley values: they always add up, and are right where they can be said by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.models.explain.sampled import (
    MOST_STARTS,
    ROWS_PER_ROW,
    Walks,
    starts_for,
)


def table(values, names=None):
    return Columns.from_block(names or [f"x{j}" for j in range(values.shape[1])], values)


def shapley(function, row, background):
    """Exact Shapley values by their definition: over all sets, against a mean of backgrounds."""
    count = len(row)

    def value(known):
        mixed = background.copy()
        mixed[:, list(known)] = row[list(known)]
        return function(mixed).mean()

    parts = np.zeros(count)
    for feature in range(count):
        others = [place for place in range(count) if place != feature]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1)
            for known in itertools.combinations(others, size):
                gain = value((*known, feature)) - value(known)
                parts[feature] += weight / math.factorial(count) * gain
    return parts


@given(st.integers(1, 7), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_parts_and_base_add_up_to_the_output_whatever_the_function(features, starts, seed):
    draw = np.random.default_rng(seed)
    weights = draw.normal(size=(features, 2))

    def rough(columns):
        return np.sign(columns.block @ weights) + np.cos(3 * columns.block @ weights)

    background, rows = draw.normal(size=(starts, features)), draw.normal(size=(3, features))
    parts = Walks(rough, table(background))(table(rows))
    assert parts.base + parts.contributions.sum(axis=1) == pytest.approx(rough(table(rows)))
    assert parts.base[0] == pytest.approx(rough(table(background)).mean(axis=0))


def test_of_a_line_they_are_coefficients_times_the_way_from_the_mean():
    draw = np.random.default_rng(1)
    background, row = draw.normal(size=(16, 4)), draw.normal(size=(1, 4))
    slope = np.array([2.0, -1.0, 0.5, 0.0])
    parts = Walks(lambda c: (c.block @ slope)[:, None], table(background))(table(row))
    wanted = slope * (row[0] - background.mean(axis=0))
    assert parts.contributions[0, :, 0] == pytest.approx(wanted)


def test_of_pairs_that_work_together_each_gets_half():
    # x0·x1 from 0 to (2, 3): 6, shared by symmetry; an order and its reverse say so exactly.
    product = lambda c: (c.block[:, 0] * c.block[:, 1])[:, None]  # noqa: E731
    parts = Walks(product, table(np.zeros((1, 3))))(table(np.array([[2.0, 3.0, 9.0]])))
    assert parts.contributions[0, :, 0].tolist() == [3.0, 3.0, 0.0]


def test_they_are_near_the_exact_values():
    draw = np.random.default_rng(5)
    background, rows = draw.normal(size=(MOST_STARTS, 5)), draw.normal(size=(4, 5))

    def function(matrix):
        a, b, c, d, e = matrix.T
        return a * b + np.tanh(c) * d - np.maximum(e, a)

    walks = Walks(lambda c: function(c.block)[:, None], table(background))
    for row, said in zip(rows, walks(table(rows)).contributions[:, :, 0], strict=True):
        exact = shapley(function, row, background)
        assert said == pytest.approx(exact, abs=0.25)
        assert said.sum() == pytest.approx(exact.sum())


def test_they_are_near_those_of_the_library_shap():
    shap = pytest.importorskip("shap")
    draw = np.random.default_rng(8)
    background, rows = draw.normal(size=(MOST_STARTS, 4)), draw.normal(size=(3, 4))
    function = lambda x: np.exp(x[:, 0] / 2) + x[:, 1] * x[:, 2]  # noqa: E731
    exact = shap.ExactExplainer(function, shap.maskers.Independent(background, 1000))(rows)
    parts = Walks(lambda c: function(c.block)[:, None], table(background))(table(rows))
    assert parts.base[:, 0] == pytest.approx(exact.base_values)
    assert parts.contributions[:, :, 0] == pytest.approx(exact.values, abs=0.25)


def test_words_and_numbers_of_other_types_keep_theirs():
    seen = []

    def function(columns):
        seen.append({name: columns[name].dtype.kind for name in columns.names})
        return np.array(
            [len(town) + age for town, age in zip(columns["town"], columns["age"], strict=True)],
            dtype=float,
        )[:, None]

    def rows(towns, ages):
        return Columns.of({"town": np.array(towns, dtype=object), "age": np.array(ages)})

    walks = Walks(function, rows(["a", "bb"], [1, 2]))
    parts = walks(rows(["cccc"], [10]))
    assert parts.contributions[0, :, 0].tolist() == [2.5, 8.5]
    assert {"town": "O", "age": "i"} in seen


def test_the_same_row_is_always_explained_alike_whatever_is_beside_it():
    draw = np.random.default_rng(9)
    background, rows = draw.normal(size=(8, 6)), draw.normal(size=(5, 6))
    function = lambda c: np.prod(c.block, axis=1)[:, None]  # noqa: E731
    together = Walks(function, table(background))(table(rows))
    alone = Walks(function, table(background))(table(rows[3:4]))
    assert together.contributions[3].tolist() == alone.contributions[0].tolist()


@pytest.mark.parametrize("features", [1, 2, 20, 100, 500])
def test_what_one_row_costs_is_bounded(features):
    starts = starts_for(features)
    assert 4 <= starts <= MOST_STARTS
    assert 2 * starts * (features - 1) <= max(ROWS_PER_ROW, 8 * features)
