"""Rows as numbers, by what a profile knows of its columns."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.monitoring.profile.build import profile_of
from serve_app.monitoring.profile.encoding import Encoder


def encoded(reference, rows):
    profile = profile_of(Columns.of(reference))
    return Encoder(profile.features).encode(Columns.of(rows))


def test_numbers_stay_and_gaps_are_the_median():
    reference = {"age": np.arange(1001.0)}
    rows = {"age": np.array([3.5, np.nan, np.inf, -np.inf, 7000.0])}
    matrix = encoded(reference, rows)
    assert matrix[[0, 4], 0].tolist() == [3.5, 7000.0]
    # The median of 0 to 1000, as near as a bin of 31 numbers tells.
    assert matrix[1:4, 0] == pytest.approx([500.0] * 3, abs=16)


def test_the_median_of_few_values_is_exact():
    values = np.array([1.0] * 30 + [2.0] * 60 + [9.0] * 10)
    assert encoded({"stars": values}, {"stars": np.array([np.nan])}).tolist() == [[2.0]]


def test_categories_are_their_share_of_the_reference():
    reference = {"city": np.array(["rome"] * 60 + ["oslo"] * 30 + [None] * 10, dtype=object)}
    rows = {"city": np.array(["oslo", "rome", None, "lima", 4], dtype=object)}
    assert encoded(reference, rows)[:, 0] == pytest.approx([0.3, 0.6, 0.1, 0.0, 0.0])


def test_rarer_names_share_what_they_have():
    names = [f"n{number}" for number in range(128)] * 20 + ["x"] * 5 + ["y"] * 5
    reference = {"name": np.array(names, dtype=object)}
    matrix = encoded(reference, {"name": np.array(["x", "y", "n7"], dtype=object)})
    assert matrix[:, 0] == pytest.approx([5 / 2570, 5 / 2570, 20 / 2570])


def test_a_column_that_is_not_there_is_missing_in_every_row():
    reference = {"age": np.arange(100.0) % 3, "size": np.arange(100.0) % 2}
    matrix = encoded(reference, {"size": np.array([1.0, 0.0])})
    assert matrix.tolist() == [[1.0, 1.0], [1.0, 0.0]]
