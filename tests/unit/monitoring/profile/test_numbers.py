"""Cells of numbers: quantile bins, single values, and what is counted apart."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.numbers import as_numbers, counted, number_feature

GREATEST = np.finfo(np.float64).max


def feature(values):
    array = np.asarray(values)
    return number_feature("x", array, len(array))


def recounted(values, like):
    return counted(np.sort(as_numbers(np.asarray(values), len(values))), like).tolist()


def test_bins_hold_about_as_many_rows_each():
    values = np.random.default_rng(0).normal(size=32_000)
    made = feature(values)
    assert made.kind == "numbers"
    assert len(made.edges) == 33
    assert made.counts[0] == made.counts[-1] == 0
    assert all(900 <= count <= 1100 for count in made.counts[1:-1])
    # numpy.histogram's own bins: closed below, the last one on both sides.
    assert list(made.counts[1:-1]) == np.histogram(values, made.edges)[0].tolist()
    assert (made.minimum, made.maximum) == (values.min(), values.max())
    assert made.mean == pytest.approx(values.mean())
    assert made.deviation == pytest.approx(values.std())


def test_values_below_and_above_the_reference_are_counted_apart():
    made = feature(np.arange(1000.0))
    below, above = [-1.0, -5e300, -GREATEST], [999.5, GREATEST]
    vector = recounted([*below, *above, 0.0, 999.0], made)
    assert vector[0] == len(below)
    assert vector[made.cells - 1] == len(above)
    assert (vector[1], vector[made.cells - 2]) == (1, 1)


def test_gaps_and_infinities_lie_in_no_bin():
    made = feature([*np.arange(1000.0), np.nan, np.nan, np.inf, -np.inf, -np.inf, -np.inf])
    assert (made.missing, made.minus_infinity, made.plus_infinity) == (2, 3, 1)
    assert sum(made.counts) == 1000
    assert made.maximum == 999.0


def test_few_values_have_a_cell_each():
    made = feature([3, 1, 1, 2] * 25)
    assert (made.kind, made.values) == ("values", (1.0, 2.0, 3.0))
    assert made.counts == (50, 25, 25, 0, 0)
    assert recounted([1, 7, 2, 1.5, -np.inf], made) == [1, 1, 0, 0, 2, 0, 1, 0]


def test_values_of_few_rows_each_are_no_categories():
    made = feature(np.random.default_rng(0).normal(size=40))
    assert made.kind == "numbers"
    assert len(made.edges) - 1 == 4


def test_a_value_that_fills_a_bin_has_it_to_itself():
    rest = np.random.default_rng(0).exponential(size=4000)
    made = feature([0.0] * 6000 + rest.tolist())
    assert made.edges[:2] == (0.0, np.nextafter(0.0, 1.0))
    assert made.counts[1] == 6000
    assert len(made.edges) <= 33
    top = feature([*rest.tolist(), *([100.0] * 6000)])
    assert top.counts[-2] == 6000


def test_equal_values_in_few_rows_make_one_bin():
    made = feature([2.5, 2.5, 2.5])
    assert made.counts == (0, 3, 0)
    assert recounted([2.5, 2.6, 2.4], made) == [1, 1, 1, 0, 0, 0]


def test_a_column_without_values_counts_everything_as_unseen():
    made = feature([np.nan] * 5)
    assert (made.kind, made.counts, made.missing) == ("values", (0, 0), 5)
    assert made.mean is None
    assert recounted([1.0, np.nan], made) == [0, 1, 1, 0, 0]


def test_truth_values_have_a_cell_each():
    made = feature(np.array([True, False, True]))
    assert (made.values, made.counts) == ((0.0, 1.0), (1, 2, 0, 0))


def test_dates_and_times_are_seconds_since_1970():
    days = np.array(["1970-01-02", "NaT"], dtype="datetime64[D]")
    assert as_numbers(days, 2).tolist()[0] == 86_400.0
    assert np.isnan(as_numbers(days, 2)[1])
    for unit in ("s", "ms", "us", "ns"):
        moment = np.array(["1970-01-01T00:00:07"], dtype=f"datetime64[{unit}]")
        assert as_numbers(moment, 1).tolist() == [7.0]
    assert as_numbers(np.array(["1971"], dtype="datetime64[Y]"), 1).tolist() == [365 * 86_400.0]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (Decimal("12.5"), 12.5),
        (True, 1.0),
        (7, 7.0),
        (None, None),
        ("word", None),
        ([1], None),
        (10**400, None),
        (Decimal("sNaN"), None),
        (dt.date(2024, 1, 1), None),
    ],
)
def test_objects_are_the_numbers_that_they_are_whatever_stands_beside_them(value, number):
    for others in ([], ["word"], [1.0]):
        array = np.empty(1 + len(others), dtype=object)
        array[:] = [value, *others]
        first = as_numbers(array, len(array))[0]
        assert np.isnan(first) if number is None else first == number


def test_what_is_no_column_of_so_many_rows_is_missing():
    assert np.isnan(as_numbers(np.zeros((3, 2)), 3)).all()
    assert np.isnan(as_numbers(np.zeros(2), 3)).all()
    assert np.isnan(as_numbers(np.zeros(3, dtype="V4"), 3)).all()


floats = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(arrays(np.float64, st.integers(0, 300), elements=floats | st.sampled_from([0.0, 1.0, 5.0])))
def test_every_value_is_counted_once_and_nothing_is_lost_in_json(values):
    made = feature(values)
    assert sum(made.numbers) == len(values)
    assert recounted(values, made) == list(made.numbers)
    assert Feature.from_json(made.to_json()) == made
    assert list(made.edges) == sorted(set(made.edges))
    assert made.missing == np.isnan(values).sum()
    if made.kind == "numbers":
        finite = values[np.isfinite(values)]
        assert sum(made.counts[1:-1]) == len(finite)
