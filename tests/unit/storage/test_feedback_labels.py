"""Which row a truth is about."""

import pytest

from serve_app.storage.feedback_labels import misfit, truth_of


@pytest.mark.parametrize(
    ("truth", "row", "whole", "expected"),
    [
        (None, 0, True, None),
        ('["a", "b"]', 1, True, "b"),
        ('["a", null]', 1, True, None),
        ('["a"]', 1, True, None),
        ("7", 0, True, 7),
        ("7", 1, True, None),
        ("7", 3, False, 7),
        ("[7]", 3, False, 7),
        ("[[1, 0]]", 0, True, [1, 0]),
        ("[[1, 0]]", 4, False, [1, 0]),
        ("[1, 0]", 4, False, [1, 0]),
    ],
)
def test_a_truth_has_a_value_per_row(truth, row, whole, expected):
    assert truth_of(truth, row, whole=whole) == expected


def test_a_truth_of_another_length_is_about_no_row():
    assert misfit(None, 3) == misfit("[1, 2, 3]", 3) == misfit('"ill"', 1) == ""
    assert misfit("[1]", 3) == "its truth has 1 values, and the request had 3 rows"
