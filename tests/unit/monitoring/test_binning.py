"""Blocks of rows become counts; the counts of any parts add up to those of all rows."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.profile.build import Scored, profile_of

OUTPUT = Output("classification", labels=("no", "yes"), probabilities=True)
ROWS = 3000


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def table(seed, rows=ROWS, shift=0.0):
    rng = np.random.default_rng(seed)
    amount = rng.normal(shift, 1, rows)
    amount[rng.random(rows) < 0.02] = np.nan
    amount[rng.random(rows) < 0.01] = np.inf
    share = rng.random(rows)
    columns = Columns.of(
        {
            "amount": amount,
            "steps": rng.integers(0, 9, rows),
            "city": objects([f"c{at}" for at in rng.integers(0, 12, rows)]),
            "day": np.datetime64("2024-01-01") + rng.integers(0, 99, rows),
        }
    )
    values = np.where(share > 0.5, "yes", "no").astype(object)
    return columns, Prediction(values, np.column_stack([1 - share, share]))


def profiled(columns, prediction):
    return profile_of(columns, Scored(prediction, OUTPUT))


REFERENCE = profiled(*table(0))
BINNER = Binner(REFERENCE)
LATER = table(1, shift=0.4)


def test_the_reference_is_what_its_own_rows_count():
    counts = BINNER.count(*table(0))
    assert counts.vector.tolist() == BINNER.layout.reference().vector.tolist()
    assert counts.vector.dtype == np.int64
    assert (counts.rows, counts.predicted_rows) == (ROWS, ROWS)


def test_counts_are_those_of_numpy_and_pandas():
    columns, prediction = LATER
    counts = BINNER.count(columns, prediction)
    amount = columns["amount"]
    cells = counts.feature("amount")
    finite = amount[np.isfinite(amount)]
    edges = np.array(cells.feature.edges)
    assert cells.counts[1:-1].tolist() == np.histogram(finite, edges)[0].tolist()
    assert cells.counts[0] == (finite < edges[0]).sum()
    assert cells.counts[-1] == (finite > edges[-1]).sum()
    assert (cells.missing, cells.plus_infinity) == (
        np.isnan(amount).sum(),
        np.isposinf(amount).sum(),
    )
    city = counts.feature("city")
    expected = pd.Series(columns["city"]).value_counts()
    assert city.counts[:-2].tolist() == [expected[name] for name in city.feature.categories]
    share = counts.prediction("score:yes")
    assert share.counts.sum() == ROWS
    classes = counts.prediction("class")
    expected = pd.Series(prediction.values).value_counts()
    assert dict(zip(classes.feature.categories, classes.counts.tolist(), strict=False)) == dict(
        expected
    )


def psi(reference, current):
    """The index with 0.5 added to every count, so that empty bins have a logarithm."""
    size = len(reference)
    p = (reference + 0.5) / (reference.sum() + 0.5 * size)
    q = (current + 0.5) / (current.sum() + 0.5 * size)
    return float(((q - p) * np.log(q / p)).sum())


def ks(reference, current):
    p, q = reference.cumsum() / reference.sum(), current.cumsum() / current.sum()
    return float(np.abs(p - q).max())


@given(
    cuts=st.lists(st.integers(0, ROWS), max_size=8),
    replicas=st.integers(1, 4),
    order=st.randoms(use_true_random=False),
)
def test_replicas_merged_in_any_order_with_repeats_are_one_pass_over_all_rows(
    cuts, replicas, order
):
    columns, prediction = LATER
    ends = sorted({0, *cuts, ROWS})
    parts = list(pairwise(ends))
    deliveries = [
        (place % replicas, place, BINNER.count(columns.slice(*part), prediction.slice(*part)))
        for place, part in enumerate(parts)
    ]
    arriving = deliveries + order.sample(deliveries, len(deliveries) // 2)
    order.shuffle(arriving)
    seen, merged = set(), BINNER.count(columns.slice(0, 0))
    for replica, sequence, counts in arriving:
        if (replica, sequence) not in seen:
            seen.add((replica, sequence))
            merged = merged.plus(counts)
    whole = BINNER.count(columns, prediction)
    assert merged.vector.tolist() == whole.vector.tolist()
    reference = BINNER.layout.reference()
    for name in ("amount", "steps", "city", "day"):
        one, other = merged.feature(name).counts, whole.feature(name).counts
        base = reference.feature(name).counts
        assert ks(base, one) == ks(base, other)
        assert psi(base, one) == psi(base, other)


def test_ks_of_the_bins_is_within_a_bin_of_the_exact_one():
    columns, _ = LATER
    known = columns["amount"][np.isfinite(columns["amount"])]
    before = table(0)[0]["amount"]
    exact = ks_2samp(before[np.isfinite(before)], known).statistic
    binned = ks(
        BINNER.layout.reference().feature("amount").counts,
        BINNER.count(*LATER).feature("amount").counts,
    )
    assert exact - 1 / 32 <= binned <= exact + 1e-12


def test_a_matrix_is_counted_like_its_columns():
    rng = np.random.default_rng(2)
    block = rng.normal(size=(700, 5)).astype(np.float32)
    block[3, 2] = np.nan
    names = ["a", "b", "c", "d", "e"]
    binner = Binner(profile_of(Columns.from_block(names, block[:400])))
    one = binner.count(Columns.from_block(names, block))
    apart = Columns.of({name: block[:, at].astype(float) for at, name in enumerate(names)})
    turned = apart.select(names[::-1])
    assert one.vector.tolist() == binner.count(turned).vector.tolist()
    assert one.vector.tolist() == binner.count(apart).vector.tolist()


def test_large_blocks_are_counted_like_small_ones():
    columns, prediction = table(3, rows=40_000)
    parts = [
        BINNER.count(columns.slice(at, at + 10_000), prediction.slice(at, at + 10_000)).vector
        for at in range(0, 40_000, 10_000)
    ]
    assert BINNER.count(columns, prediction).vector.tolist() == sum(parts).tolist()


ODD = [None, float("nan"), pd.NA, "word", 3, 2.5, True, [1], {"a": 1}, b"x", 10**400, np.float32(1)]


@given(st.data())
def test_nothing_that_columns_hold_makes_counting_fail(data):
    rows = data.draw(st.integers(0, 6))
    cells = st.lists(st.sampled_from(ODD), min_size=rows, max_size=rows)
    names = data.draw(
        st.lists(st.sampled_from(["amount", "steps", "city", "day", "new"]), unique=True)
    )
    columns = Columns(names, [objects(data.draw(cells)) for _ in names], None, rows)
    values = objects(data.draw(cells))
    shares = data.draw(
        st.sampled_from([None, np.zeros((rows, 1)), np.zeros(rows), np.full((rows, 2), np.nan)])
    )
    counts = BINNER.count(columns, Prediction(values, shares))
    for name in ("amount", "steps", "city", "day"):
        cells = counts.feature(name)
        total = cells.counts.sum() + cells.missing + cells.minus_infinity + cells.plus_infinity
        assert total == rows
        if name not in names:
            assert cells.missing == rows


def test_columns_of_other_shapes_and_types_are_missing():
    columns = Columns(
        ["amount", "steps", "city"],
        [np.zeros((2, 3)), np.zeros(2, dtype=complex), np.zeros((2, 2))],
        None,
        2,
    )
    counts = BINNER.count(columns)
    assert [counts.feature(name).missing for name in columns.names] == [2, 2, 2]
    assert counts.predicted_rows == 0


def test_predictions_of_another_number_of_rows_are_not_counted():
    columns, prediction = LATER
    counts = BINNER.count(columns.slice(0, 5), prediction.slice(0, 4))
    assert (counts.rows, counts.predicted_rows) == (5, 0)


def test_the_probability_of_a_class_is_looked_for_where_the_labels_have_it():
    columns, prediction = LATER
    turned = Prediction(prediction.values, prediction.probabilities[:, ::-1])
    counts = Binner(REFERENCE, labels=["yes", "no"]).count(columns, turned)
    assert counts.vector.tolist() == BINNER.count(columns, prediction).vector.tolist()


def test_counts_of_different_profiles_do_not_add_up():
    other = Binner(profiled(*table(9)))
    with pytest.raises(ValueError, match="different profiles"):
        BINNER.count(*LATER).plus(other.count(*LATER))
