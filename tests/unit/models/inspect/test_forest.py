"""Whether walks end: by counts of parents, held against walks themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import Forest, check_forest

SIDES = st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), min_size=1, max_size=6)


def _forest(trees: list[list[tuple[int, int]]]) -> Forest:
    left, right = (np.array([node[side] for tree in trees for node in tree]) for side in (0, 1))
    return Forest(left, right, left != -1, np.array([len(tree) for tree in trees]))


def _ends(tree: list[tuple[int, int]], node: int, steps: int) -> bool:
    """Whether all walks from a node end within so many steps, at nodes that there are."""
    if not 0 <= node < len(tree) or steps < 0:
        return False
    left, right = tree[node]
    return left == -1 or all(_ends(tree, child, steps - 1) for child in (left, right))


@given(st.lists(SIDES, min_size=1, max_size=4))
def test_in_what_passes_every_walk_ends(trees: list[list[tuple[int, int]]]) -> None:
    try:
        check_forest(_forest(trees))
    except InvalidInput:
        return
    assert all(_ends(tree, 0, len(tree)) for tree in trees)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.randoms())
def test_grown_trees_pass_in_whatever_order_their_nodes_stand(splits: list[int], random) -> None:
    tree, leaves = [(-1, -1)], [0]
    for split in splits:
        tree[leaves.pop(split % len(leaves))] = (len(tree), len(tree) + 1)
        leaves += [len(tree), len(tree) + 1]
        tree += [(-1, -1), (-1, -1)]
    order = [0, *random.sample(range(1, len(tree)), len(tree) - 1)]
    moved = {old: new for new, old in enumerate(order)} | {-1: -1}
    shuffled = [tuple(moved[child] for child in tree[old]) for old in order]
    check_forest(_forest([tree, shuffled, tree]))
    with pytest.raises(InvalidInput, match=r"tree 1, node \d+: it is more than 0 levels"):
        check_forest(_forest([[(-1, -1)], shuffled]), max_depth=0)
