"""Bins are pooled to cells that hold enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.monitoring.drift.cells import neighbours, pooled, rare, reference_cells


@pytest.mark.parametrize(
    ("masses", "expected"),
    [
        ([0, 30, 30, 0], [0, 0, 1, 1]),
        ([5, 5, 15, 40, 3], [0, 0, 0, 1, 1]),
        ([1, 1, 1], [0, 0, 0]),
        ([20, 20], [0, 1]),
    ],
)
def test_neighbours_join_until_a_cell_holds_enough(masses, expected):
    assert neighbours(np.array(masses, dtype=float), 20).tolist() == expected


@pytest.mark.parametrize(
    ("masses", "alone", "expected"),
    [
        ([100, 3, 50, 4], True, [0, 2, 1, 2]),
        ([100, 3, 50, 4], False, [0, 1, 1, 1]),  # 7 are too few: the 50 join them
        ([100, 12, 50, 9], False, [0, 2, 1, 2]),
        ([100, 50], False, [0, 1]),
        ([1, 2], False, [0, 0]),
        ([1, 2], True, [0, 0]),
        ([100, 0], True, [0, 1]),
    ],
)
def test_rare_bins_are_one_cell(masses, alone, expected):
    assert rare(np.array(masses, dtype=float), 20, alone=alone).tolist() == expected


def test_cells_of_a_reference_are_kept_and_cannot_be_changed():
    cells = reference_cells((0, 30, 30, 0), 20, ordered=True)
    assert cells is reference_cells((0, 30, 30, 0), 20, ordered=True)
    with pytest.raises(ValueError, match="read-only"):
        cells[0] = 3


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(1, 40))
def test_pooling_loses_no_row_and_leaves_no_small_cell(masses, minimum):
    counts = np.array(masses, dtype=float)
    for cells in (neighbours(counts, minimum), rare(counts, minimum, alone=False)):
        sums = pooled(counts, cells)
        assert sums.sum() == counts.sum()
        assert len(sums) == 1 or sums.min() >= minimum
    assert pooled(counts, rare(counts, minimum, alone=True)).sum() == counts.sum()
