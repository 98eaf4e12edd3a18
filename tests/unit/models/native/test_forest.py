"""The library itself: the same bits as plain Python on every way of computing."""

import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.models.native import reference

ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38])
GRID = np.array([-np.inf, -1.5, -1e-45, -0.0, 0.0, 1e-45, 0.25, 1.0, np.inf])
FLOATS = (np.float32, np.float64)
SIZES = (0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 130)


def rows_of(rng, count, columns, dtype):
    rows = rng.choice(np.concatenate([GRID, ODD]), (count, columns))
    other = rng.normal(size=rows.shape)
    return np.where(rng.random(rows.shape) < 0.5, rows, other).astype(dtype)


def forest(library, nodes, *, below=False, columns=4, method=0, **more):
    built = library.Nodes(**nodes, below=below, columns=columns)
    return library.Forest(built, method=library.Method(method), **more)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    below=st.booleans(),
    types=st.sampled_from([(rows, sums) for rows in FLOATS for sums in FLOATS]),
    outputs=st.integers(1, 3),
    each=st.booleans(),
)
def test_sums_have_the_bits_of_plain_python(library, seed, below, types, outputs, each):
    rng = np.random.default_rng(seed)
    dtype, kind = types
    grid = GRID if rng.random() < 0.5 else None
    nodes = reference.grown(rng, trees=int(rng.integers(1, 12)), columns=4, dtype=dtype, grid=grid)
    count = len(nodes["left"])
    values = rng.normal(size=(count, outputs) if each and outputs > 1 else count)
    values = (values * 10.0 ** rng.integers(-3, 8, values.shape)).astype(kind)
    more = {
        "output": rng.integers(0, outputs, len(nodes["root"])),
        "start": rng.normal(size=outputs).astype(kind),
        "divisor": 7.0 if kind == np.float64 and rng.random() < 0.5 else None,
    }
    rows = rows_of(rng, 40, 4, dtype)
    wanted = reference.sums(nodes, values, rows=rows, below=below, **more)
    for method in library.Method:
        made = forest(library, nodes, below=below, method=method, values=values, **more)
        for size in (1, 9, 17, 40):
            assert made(rows[:size]).tobytes() == wanted[:size].tobytes()
        for row, sums in zip(rows[:5], wanted, strict=False):
            assert np.array(made.row(row.tolist()), kind).tobytes() == sums.tobytes()


def of_codes(rng, count, codes, dtype):
    """Rows of two numbers and two columns of codes, some of them unknown, fractions or gaps."""
    rows = rows_of(rng, count, 4, dtype)
    known = rng.integers(-2, codes + 3, (count, 2)) + rng.choice([0.0, 0.5], (count, 2))
    odd = rng.random((count, 2)) < 0.2
    rows[:, 2:] = np.where(odd, rng.choice(ODD, (count, 2)), known).astype(dtype)
    return rows


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    below=st.booleans(),
    dtype=st.sampled_from(FLOATS),
    sets=st.sampled_from([1, 3, 64, 65, 150]),
    codes=st.sampled_from([0, 1, 2, 31, 64, 300]),
)
def test_sets_of_codes_have_the_bits_of_a_column_for_each(library, seed, below, dtype, sets, codes):
    rng = np.random.default_rng(seed)
    trees = int(rng.integers(1, 12))
    nodes = reference.grown(rng, trees=trees, columns=4 + sets, dtype=dtype)
    asked = nodes["feature"] >= 4
    nodes["threshold"][asked] = rng.choice([0.5, 1.0] if below else [0.0, 0.5], asked.sum())
    feature, inside = rng.integers(2, 4, sets), rng.integers(0, 3, (sets, codes))
    values = rng.normal(size=len(nodes["left"]))
    more = {"output": np.zeros(trees, int), "start": np.zeros(1)}
    rows = of_codes(rng, 70, codes, dtype)
    wide = reference.widened(rows, feature, inside)
    wanted = reference.sums(nodes, values, rows=wide, below=below, **more)
    nodes["sets"] = library.Sets(feature, inside)
    for method in library.Method:
        made = forest(library, nodes, below=below, method=method, values=values, **more)
        for size in (1, 9, 17, 64, 70):
            assert made(rows[:size]).tobytes() == wanted[:size].tobytes()


@pytest.mark.parametrize("name", ["portable", "avx2"])
@pytest.mark.parametrize("trees", ["small", "large"])
def test_all_instructions_know_sets(library, name, trees):
    best = library.instructions()
    if not library.choose_instructions(name):
        pytest.skip(f"this processor has no {name}")
    try:
        rng = np.random.default_rng(4)
        # Of more than 255 thresholds a column has places of 16 bits.
        most = 60 if trees == "small" else 700
        nodes = reference.grown(rng, trees=20, columns=104, dtype=np.float32, most=most)
        asked = nodes["feature"] >= 4
        nodes["feature"][asked & (rng.random(len(asked)) < 0.4)] = 0
        nodes["threshold"][nodes["feature"] >= 4] = 0.5
        feature, inside = rng.integers(2, 4, 100), rng.integers(0, 3, (100, 40))
        values = rng.normal(size=len(nodes["left"])).astype(np.float32)
        more = {"output": np.zeros(20, int), "start": np.zeros(1, np.float32)}
        rows = of_codes(rng, 130, 40, np.float32)
        wide = reference.widened(rows, feature, inside)
        wanted = reference.sums(nodes, values, rows=wide, below=False, **more)
        nodes["sets"] = library.Sets(feature, inside)
        made = forest(library, nodes, method=2, values=values, **more)
        assert made.blocked == 20
        for size in SIZES:
            assert made(rows[:size]).tobytes() == wanted[:size].tobytes()
    finally:
        library.choose_instructions(best)


@pytest.mark.parametrize("name", ["portable", "avx2"])
@pytest.mark.parametrize("trees", ["small", "large"])
def test_all_instructions_give_the_same_bits(library, name, trees):
    best = library.instructions()
    if not library.choose_instructions(name):
        pytest.skip(f"this processor has no {name}")
    try:
        assert library.instructions() == name
        rng = np.random.default_rng(3)
        # Of more than 255 thresholds a column has places of 16 bits.
        most = 60 if trees == "small" else 700
        nodes = reference.grown(rng, trees=30, columns=4, dtype=np.float32, most=most)
        values = rng.normal(size=len(nodes["left"])).astype(np.float32)
        rows = rows_of(rng, 200, 4, np.float32)
        rows[: len(rows) // 2, 0] = rng.choice(nodes["threshold"], len(rows) // 2)
        start = np.zeros(1, np.float32)
        made = forest(library, nodes, method=2, values=values, start=start)
        wanted = reference.sums(
            nodes, values, output=np.zeros(30, int), start=start, rows=rows, below=False
        )
        for size in SIZES:
            assert made(rows[:size]).tobytes() == wanted[:size].tobytes()
        assert made.blocked == 30
    finally:
        library.choose_instructions(best)


def test_leaves_by_tree(library):
    rng = np.random.default_rng(5)
    nodes = reference.grown(rng, trees=9, columns=4, dtype=np.float64)
    rows = rows_of(rng, 40, 4, np.float64)
    wanted = np.array(
        [
            [reference.leaf_of(nodes, root, row, below=False) for root in nodes["root"]]
            for row in rows
        ]
    )
    numbers = np.arange(len(nodes["left"]), dtype=np.int32)
    for method in library.Method:
        made = forest(library, nodes, method=method, values=numbers)
        assert np.array_equal(made(rows), wanted)
        assert made.row(rows[0].tolist()) == wanted[0].tolist()


@pytest.mark.parametrize("quick_trees", [0, 100])
def test_one_row_has_the_sums_of_many_with_the_lock_and_without(library, monkeypatch, quick_trees):
    monkeypatch.setattr(library.forest, "_QUICK_TREES", quick_trees)
    rng = np.random.default_rng(8)
    nodes = reference.grown(rng, trees=20, columns=4, dtype=np.float32)
    values = rng.normal(size=len(nodes["left"]))
    made = forest(library, nodes, values=values, start=np.zeros(1))
    for row in rows_of(rng, 20, 4, np.float32):
        assert made.row(row.tolist()) == made(row[np.newaxis])[0].tolist()
    endless = np.array([[np.inf, 0.0, 0.0, 0.0]], np.float32)
    assert made.row([1e39, 0.0, 0.0, 0.0]) == made(endless)[0].tolist()
    with pytest.raises(struct.error):
        made.row([0.0, 0.0])


def test_many_threads_share_one_forest(library):
    rng = np.random.default_rng(6)
    nodes = reference.grown(rng, trees=50, columns=4, dtype=np.float32)
    values = rng.normal(size=len(nodes["left"])).astype(np.float32)
    made = forest(library, nodes, values=values, start=np.zeros(1, np.float32))
    rows = rows_of(rng, 3000, 4, np.float32)
    wanted = made(rows).tobytes()
    with ThreadPoolExecutor(4) as pool:
        assert {one.tobytes() for one in pool.map(made, [rows] * 20)} == {wanted}


def test_rows_that_lie_otherwise_in_memory(library):
    rng = np.random.default_rng(8)
    nodes = reference.grown(rng, trees=5, columns=4, dtype=np.float64)
    values = rng.normal(size=len(nodes["left"]))
    made = forest(library, nodes, values=values, start=np.zeros(1))
    rows = rows_of(rng, 33, 4, np.float64)
    wanted = made(rows).tobytes()
    assert made(np.asfortranarray(rows)).tobytes() == wanted
    odd = np.frombuffer(b"\0" + rows.tobytes(), np.uint8)[1:].view(np.float64).reshape(rows.shape)
    assert not odd.flags.aligned
    assert made(odd).tobytes() == wanted
    for wrong in (rows[:, :3], rows[0], np.zeros((2, 5))):
        with pytest.raises(ValueError, match="rows of 4 columns"):
            made(wrong)


DAMAGES = {
    "a child that is no node": ("left", 0, 10_000, "a child or a root is no node"),
    "a child below all": ("right", 0, -7, "a child or a root is no node"),
    "a cycle": ("left", 0, 0, "a node is reached twice"),
    "a column that rows do not have": ("feature", 0, 4, "a column that rows do not have"),
    "a column below all": ("feature", 0, -1, "a column that rows do not have"),
    "a root that is no node": ("root", 0, 10_000, "a child or a root is no node"),
    "a tree that is another's": ("root", 1, 0, "a node is reached twice"),
    "a leaf that holds nothing": ("leaf", slice(None), 10_000, "a leaf has no value"),
    "a number that would wrap": ("left", 0, 2**32 + 1, "a child or a root is no node"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_trees_are_refused_before_anybody_walks(library, name):
    rng = np.random.default_rng(9)
    nodes = reference.grown(rng, trees=3, columns=4, dtype=np.float32, most=20)
    while nodes["left"][0] < 0:
        nodes = reference.grown(rng, trees=3, columns=4, dtype=np.float32, most=20)
    field, at, value, reason = DAMAGES[name]
    nodes[field] = np.array(nodes[field])
    nodes[field][at] = value
    values = np.zeros(len(nodes["left"]), np.float32)
    with pytest.raises(library.Refused, match=reason):
        forest(library, nodes, values=values, start=np.zeros(1, np.float32))


def of_one_set(library, feature, inside, threshold=0.5):
    nodes = {
        "feature": np.array([4, 0, 0]),
        "threshold": np.full(3, threshold, np.float32),
        "left": np.array([1, -1, -1]),
        "right": np.array([2, -1, -1]),
        "gap_left": np.zeros(3, bool),
        "leaf": np.arange(3),
        "root": np.array([0]),
        "sets": library.Sets(np.array(feature), np.array(inside)),
    }
    return forest(library, nodes, values=np.zeros(3, np.float32), start=np.zeros(1, np.float32))


@pytest.mark.parametrize("threshold", [-0.5, 1.0, np.inf])
def test_a_set_that_is_asked_something_else_is_left_to_others(library, threshold):
    with pytest.raises(library.Unsuited, match="something else than whether a code is in it"):
        of_one_set(library, [0], [[1, 0]], threshold)


def test_sets_of_columns_that_rows_do_not_have_are_refused(library):
    for feature in (4, -1, 2**40):
        with pytest.raises(library.Refused, match="of a column that rows do not have"):
            of_one_set(library, [feature], [[1, 0]])
    with pytest.raises(library.Refused, match="sets have not a column each"):
        of_one_set(library, [0, 1], [[1, 0]])
    with pytest.raises(library.Refused, match="a column that rows do not have"):
        of_one_set(library, np.zeros(0, int), np.zeros((0, 2)))


def test_a_threshold_that_is_no_number_is_left_to_others(library):
    nodes = reference.grown(np.random.default_rng(9), trees=3, columns=4, dtype=np.float32)
    nodes["threshold"][:] = np.nan
    values = np.zeros(len(nodes["left"]), np.float32)
    with pytest.raises(library.Unsuited, match="a threshold is NaN"):
        forest(library, nodes, values=values, start=np.zeros(1, np.float32))


def test_a_chain_deeper_than_any_tree_is_left_to_others(library):
    depth = 20_000
    left = np.full(2 * depth + 1, -1)
    left[0 : 2 * depth : 2] = np.arange(1, 2 * depth, 2)
    nodes = {
        "feature": np.zeros(len(left), int),
        "threshold": np.zeros(len(left), np.float32),
        "left": left,
        "right": np.where(left < 0, -1, left + 1),
        "gap_left": np.zeros(len(left), bool),
        "leaf": np.zeros(len(left), int),
        "root": np.array([0]),
    }
    with pytest.raises(library.Unsuited, match="more steps than trees have"):
        forest(library, nodes, values=np.zeros(1, np.float32), start=np.zeros(1, np.float32))
