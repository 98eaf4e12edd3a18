"""The rows that servers are asked about."""

import pytest

from benchmarks.peers.model import COLUMNS, NUMBERS, asked, census, cut


def test_training_data_are_the_same_each_time_and_hold_gaps() -> None:
    (one, target), (other, again) = census(), census()
    assert one.equals(other)
    assert (target == again).all()
    assert tuple(one.columns) == COLUMNS
    assert one[list(NUMBERS)].isna().to_numpy().any()


def test_questions_are_whole_rows_that_follow_one_another() -> None:
    rows = asked()
    first, second = cut(rows, 2, 2)
    assert [*first, *second] == rows[:4]
    assert all(value is not None for row in first for value in row.values())
    with pytest.raises(ValueError, match="need more"):
        cut(rows[:3], 2, 2)
