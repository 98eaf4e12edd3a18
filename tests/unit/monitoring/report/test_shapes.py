"""Distributions are drawn to scale, and by equal bins where values would hide them."""

import re

import numpy as np
import pytest

from serve_app.monitoring.report.document import Distribution
from serve_app.monitoring.report.shapes import (
    cell_name,
    distribution,
    largest_change,
    scale_of,
)


def numbers(edges, reference, current, **more):
    return Distribution("x", False, "numbers", tuple(reference), tuple(current), (0, 0),
                        edges=tuple(edges), **more)  # fmt: skip


def names(kind, labels, reference, current):
    return Distribution("x", False, kind, tuple(reference), tuple(current), (0, 0), labels=labels)


def test_bins_lie_where_their_values_do():
    one = numbers((0.0, 1.0, 4.0, 10.0), (0, 10, 30, 60, 0), (0, 5, 5, 5, 0))
    scale = scale_of(one)
    assert scale.by_value
    assert not scale.is_even
    assert scale.lefts == (0.0, 100.0, 400.0, 1000.0)


def test_what_lies_outside_has_a_place_at_the_ends_where_there_is_any():
    one = numbers((0.0, 5.0, 10.0), (0, 50, 50, 0), (7, 5, 5, 0))
    assert scale_of(one).lefts == (0.0, 40.0, 520.0, 1000.0)
    other = numbers((0.0, 5.0, 10.0), (0, 50, 50, 0), (0, 5, 5, 9))
    assert scale_of(other).lefts == (0.0, 480.0, 960.0, 1000.0)


@pytest.mark.parametrize(
    "edges",
    [
        (0.0, 1e-9, 5.0, 1e6),
        (0.0, 0.0, 1.0, 2.0),
        (-1.7e308, 0.0, 1.0, 1.7e308),
        (-np.inf, 0.0, 1.0, np.inf),
    ],
)
def test_bins_that_values_would_hide_are_equally_wide(edges):
    one = numbers(edges, (0, 40, 30, 30, 0), (0, 1, 1, 1, 0))
    scale = scale_of(one)
    assert not scale.by_value
    assert scale.lefts == pytest.approx((0.0, 1000 / 3, 2000 / 3, 1000.0))
    assert "nan" not in distribution(one)


def test_areas_are_shares():
    one = numbers((0.0, 1.0, 4.0, 10.0), (0, 10, 30, 60, 0), (0, 60, 30, 10, 0))
    (area,) = re.findall(r'd="([^"]*)z" class="ref"', distribution(one))
    xy = np.array([point.split() for point in area[1:].split("L")], dtype=float)
    widths, heights = np.diff(xy[1::2, 0])[::1], 84 - xy[1:-1:2, 1]
    areas = np.diff(xy[:, 0])[1:-1:2] * heights
    assert areas / areas.sum() == pytest.approx([0.1, 0.3, 0.6], abs=0.01)
    assert len(widths) == 3


def test_data_for_tooltips_are_the_shares_of_each_cell():
    one = numbers((0.0, 5.0, 10.0), (0, 1, 3, 0), (1, 1, 2, 0))
    content = distribution(one)
    assert 'data-cells="below 0|0 to 5|5 to 10"' in content
    assert 'data-before="0.0000,0.2500,0.7500"' in content
    assert 'data-now="0.2500,0.2500,0.5000"' in content


def test_names_have_a_bar_for_training_and_one_for_now_and_empty_cells_none():
    labels = ("basic", "pro", "other", "never seen")
    content = distribution(names("categories", labels, (60, 40, 0, 0), (20, 60, 0, 20)))
    assert content.count('class="ref"') == content.count('class="now-bar"') == 3
    assert 'aria-label="basic: 20 %, was 60 %"' in content
    assert 'aria-label="never seen: 20 %, was 0.0 %"' in content
    assert "other" not in content


def test_many_values_stand_side_by_side():
    labels = (*map(str, range(20)), "other", "never seen")
    content = distribution(names("values", labels, [5] * 22, [1] * 22))
    assert content.count("<svg") == 3
    assert ">0</text>" in content
    assert 'data-cells="0|1|2' in content


def test_no_rows_are_words():
    assert "no values" in distribution(numbers((0.0, 1.0), (0, 0, 0), (0, 0, 0)))
    content = distribution(numbers((0.0, 1.0), (0, 9, 0), (0, 0, 0)))
    assert "<svg" in content
    assert largest_change(numbers((0.0, 1.0), (0, 9, 0), (0, 0, 0))) == ""


def test_cells_are_named_by_what_they_hold():
    one = numbers((0.0, 5e-324, 1234.5), (1, 2, 3, 4), (1, 2, 3, 4))
    assert [cell_name(one, at) for at in range(4)] == [
        "below 0", "0", "0 to 1,234", "above 1,234",
    ]  # fmt: skip
    days = numbers((0.0, 86_400.0), (0, 1, 0), (0, 1, 0), is_time=True)
    assert cell_name(days, 1) == "1970-01-01 00:00 to 1970-01-02 00:00"
    assert "1970-01-02</text>" in distribution(days)


def test_the_largest_change_is_of_shares_and_not_of_counts():
    one = numbers((0.0, 1.0, 2.0, 3.0), (0, 500, 300, 200, 0), (0, 5, 5, 10, 0))
    assert largest_change(one) == "2 to 3: 50 %, was 20 %"
