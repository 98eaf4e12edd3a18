"""Cells of text: names, the rarer ones, what was never seen, and what is missing."""

import numpy as np
import pandas as pd
import pytest

from serve_app.monitoring.profile.categories import LISTED, RARER, Lookup, category_feature, key


def column(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def feature(values, names=None):
    return category_feature("x", column(values), len(values), names)


def counted(values, like):
    return Lookup(like).count(column(values), len(values)).tolist()


def many(count, times=3):
    return [f"c{at}" for at in range(count) for _ in range(times)]


def test_the_most_frequent_name_comes_first():
    made = feature(["b", "a", "b", None, "c", "b", "a"])
    assert made.categories == ("b", "a", "c")
    assert (made.counts, made.missing) == ((3, 2, 1, 0, 0), 1)
    assert counted(["a", "z", None, "b", "a"], made) == [1, 2, 0, 0, 1, 1]


def test_rare_names_are_told_from_unseen_ones():
    made = feature(["top"] * 900 + many(200))
    assert len(made.categories) == LISTED
    assert made.closed
    assert made.counts[-2] == 3 * (201 - LISTED)
    rare = next(f"c{at}" for at in range(200) if f"c{at}" not in made.categories)
    assert counted([rare, "never", "top"], made)[LISTED:] == [1, 1, 0]
    assert "the 128 most frequent of 201" in made.note


def test_of_too_many_names_nothing_is_called_unseen():
    made = feature(["top"] * 900 + many(LISTED + RARER + 1))
    assert (made.closed, made.others) == (False, ())
    assert counted(["never"], made)[LISTED:] == [1, 0, 0]


@pytest.mark.parametrize("values", [[f"name {at}" for at in range(500)], many(2000, 2)])
def test_values_that_hardly_come_twice_are_not_listed(values):
    made = feature([*values, None])
    assert made.categories == ()
    assert (made.counts, made.missing) == ((len(values), 0), 1)
    assert "hardly come twice" in made.note
    assert counted(["anything", None], made) == [1, 0, 1]


def test_long_texts_are_known_by_their_beginning_and_their_digest():
    one, other = "x" * 100, "x" * 99 + "y"
    made = feature([one, other, one])
    assert all(len(name) < 40 for name in made.categories)
    assert counted([other, one, one, "x" * 100 + "y"], made) == [2, 1, 0, 1, 0]


@pytest.mark.parametrize("text", ["", "plain", "\ud800", "a\nb", "é" * 50, "\x00"])
def test_names_can_be_written_and_stay_the_same(text):
    key(text).encode()
    assert key(key(text)) == key(text)


def test_nothing_that_a_column_holds_makes_counting_fail():
    made = feature(["a", "b"])
    odd = [float("nan"), None, pd.NA, pd.NaT, np.datetime64("NaT"), 1, True, [1], {}, b"a", "a"]
    assert counted(odd, made) == [1, 0, 0, 5, 5]
    assert Lookup(made).count(np.zeros((2, 3)), 2).tolist() == [0, 0, 0, 0, 2]
    assert Lookup(made).count(np.array([1.0, np.nan]), 2).tolist() == [0, 0, 0, 1, 1]
    assert Lookup(made).count(np.array(["a", "q"]), 2).tolist() == [1, 0, 0, 1, 0]


def test_known_names_have_a_cell_though_no_row_has_them():
    made = feature(["yes", "yes"], ["no", "yes"])
    assert (made.categories, made.counts) == (("yes", "no"), (2, 0, 0, 0))


def test_names_of_one_row_are_counted_listed_or_not():
    rows = ["often"] * 500 + [f"twice {at}" for at in range(130)] * 2 + ["once", "alone"]
    made = feature(rows)
    assert made.singletons == 2
    assert type(made).from_json(made.to_json()) == made
