"""Ensembles of trees in ONNX graphs: every walk ends, in leaves and columns that there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import AGAIN, Forest, check_forest

_MAX_DEPTH = 10_000
_BY_NODE = ("nodes_treeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
Integers = Callable[[str], Array]


def check_trees(
    integers: Integers, modes: Sequence[bytes], where: str, shape: tuple[int, ...]
) -> None:
    """Let only the trees of a node pass in which every walk ends.

    `integers` gives its lists by name, `modes` says what each node does, `shape` is that of the
    rows where it is known, else empty.

    Raises:
        InvalidInput: the lists differ in length, or a child, a leaf or a column is not there.
    """
    if len(integers("tree_roots")):
        _check_compact(integers, where)
        return
    nodes = integers("nodes_nodeids")
    for name in _BY_NODE:
        if len(integers(name)) != len(nodes):
            raise _odd(where, name, len(integers(name)), len(nodes))
    if len(modes) != len(nodes) or len(nodes) == 0:
        raise _odd(where, "nodes_modes", len(modes), len(nodes))
    trees = integers("nodes_treeids")
    if ((nodes < 0) | (nodes >= 2**31) | (trees < 0) | (trees >= 2**31)).any():
        raise InvalidInput(f"{where}: the number of a node or tree is out of range; {AGAIN}")
    forest = _forest(integers, np.array([mode != b"LEAF" for mode in modes]), where)
    check_forest(forest, _MAX_DEPTH)
    features = integers("nodes_featureids")[_order(trees)][forest.inner]
    width = shape[-1] if len(shape) == 2 and shape[-1] > 1 else None
    wrong = (features < 0) if width is None else (features < 0) | (features >= width)
    if wrong.any():
        column = features[int(np.argmax(wrong))]
        raise InvalidInput(f"{where}: it asks for column {column}, which rows do not have; {AGAIN}")
    known = np.sort(trees * 2**31 + nodes)
    for kind in ("class", "target"):
        at, leaves = integers(f"{kind}_treeids"), integers(f"{kind}_nodeids")
        if len(at) != len(leaves) or len(integers(f"{kind}_ids")) != len(at):
            raise _odd(where, f"{kind}_treeids", len(at), len(leaves))
        if not np.isin(at * 2**31 + leaves, known).all() or (integers(f"{kind}_ids") < 0).any():
            raise InvalidInput(f"{where}: a {kind} is that of no leaf; {AGAIN}")


def _order(trees: Array) -> Array:
    return np.argsort(trees, kind="stable")


def _forest(integers: Integers, inner: Array, where: str) -> Forest:
    """The trees one behind the other, with children by their places."""
    trees, nodes = integers("nodes_treeids"), integers("nodes_nodeids")
    order = _order(trees)
    trees, nodes, inner = trees[order], nodes[order], inner[order]
    keys = trees * 2**31 + nodes
    by_key = np.argsort(keys, kind="stable")
    known = keys[by_key]
    if (known[1:] == known[:-1]).any():
        raise InvalidInput(f"{where}: two nodes of a tree have the same number; {AGAIN}")
    _, first, sizes = np.unique(trees, return_index=True, return_counts=True)
    starts = np.repeat(first, sizes)
    sides = []
    for name in ("nodes_truenodeids", "nodes_falsenodeids"):
        child = integers(name)[order]
        wanted = trees * 2**31 + np.clip(child, 0, 2**31 - 1)
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        present = (known[place] == wanted) & (child >= 0)
        sides.append(np.where(present, by_key[place] - starts, -1))
    names = [f"{where}, tree {n}" for n in range(len(sizes))]
    return Forest(sides[0], sides[1], inner, sizes, names)


def _check_compact(integers: Integers, where: str) -> None:
    """The form of opset 5: children by place, in the nodes or in the leaves."""
    features = integers("nodes_featureids")
    leaves = len(integers("leaf_targetids"))
    entered = []
    for side in ("true", "false"):
        child, is_leaf = integers(f"nodes_{side}nodeids"), integers(f"nodes_{side}leafs")
        if len(child) != len(features) or len(is_leaf) != len(features):
            raise _odd(where, f"nodes_{side}nodeids", len(child), len(features))
        limit = np.where(is_leaf != 0, leaves, len(features))
        if ((child < 0) | (child >= limit)).any():
            raise InvalidInput(f"{where}: a child is no node and no leaf; {AGAIN}")
        entered.append(child[is_leaf == 0])
    roots = integers("tree_roots")
    counts = np.bincount(np.concatenate(entered).astype(np.int64), minlength=len(features) + 1)
    alone = len(features) == 1 and all((integers(f"nodes_{s}leafs") == 1).all() for s in ("true",))
    if ((roots < 0) | (roots >= len(features))).any() or (features < 0).any():
        raise InvalidInput(f"{where}: a root is no node, or a column is none; {AGAIN}")
    if not alone and (counts.max(initial=0) > 1 or counts[roots].any()):
        raise InvalidInput(f"{where}: walks through its trees may not end; {AGAIN}")


def _odd(where: str, name: str, count: int, wanted: int) -> InvalidInput:
    return InvalidInput(f"{where}: {name} has {count} entries in place of {wanted}; {AGAIN}")
