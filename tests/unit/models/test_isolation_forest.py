"""Rows that an isolation forest isolates sooner than nearly all of a reference."""

import numpy as np
import pytest

from serve_app.models.isolation_forest import isolated_rows


def test_rows_like_the_reference_are_as_rarely_isolated():
    random = np.random.default_rng(1)
    result = isolated_rows(random.normal(size=(2_000, 5)), random.normal(size=(1_000, 5)), seed=1)
    assert (result.rows, result.reference_rows, result.reference_isolated) == (1_000, 1_000, 10)
    assert result.ratio < 0.03


def test_rows_between_two_groups_are_isolated_though_each_column_is_usual():
    random = np.random.default_rng(2)

    def groups(rows):
        return random.choice([-4, 4], (rows, 1)) + random.normal(0, 0.5, (rows, 2))

    apart = groups(500)
    apart[:, 1] *= -1
    assert isolated_rows(groups(2_000), apart, seed=1).ratio > 0.2
    assert isolated_rows(groups(2_000), groups(500), seed=1).ratio < 0.05


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="3 and 1 rows are too few"):
        isolated_rows(np.zeros((3, 2)), np.zeros((1, 2)), seed=1)
