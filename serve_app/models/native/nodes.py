"""The nodes of stored trees as arrays, read from the graph that ONNX Runtime would walk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.compiled.trees import Membership, Trees
from serve_app.models.inspect.protobuf import Message

_LEAF, _AT_MOST, _BELOW = b"LEAF", b"BRANCH_LEQ", b"BRANCH_LT"
_KNOWN = frozenset(
    {
        "aggregate_function",
        "n_targets",
        "nodes_falsenodeids",
        "nodes_featureids",
        "nodes_missing_value_tracks_true",
        "nodes_modes",
        "nodes_nodeids",
        "nodes_treeids",
        "nodes_truenodeids",
        "nodes_values",
        "nodes_values_as_tensor",
        "post_transform",
        "target_ids",
        "target_nodeids",
        "target_treeids",
        "target_weights",
        "target_weights_as_tensor",
    }
)


class Foreign(Exception):
    """The trees are of a form that is left to whoever walks them otherwise."""


@dataclass(frozen=True, slots=True)
class Sets:
    """Sets of codes of categories: the column of each, and which codes are in it.

    `inside` has shape (sets, codes), uint8: 0 outside, 1 inside, 2 where the code is a gap.
    """

    feature: Array
    inside: Array


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees as arrays with an entry per node of all trees; a leaf has `left` -1.

    A row goes left where its value of `feature` is at most `threshold` (below it, where `below`
    says so), or is NaN and `gap_left` says so. A leaf adds `value` (float32) to the output of
    its tree, which `output` says (an entry per tree, as has `root`). Rows are `columns` wide;
    features from there on are those of `sets`.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    gap_left: Array
    value: Array
    root: Array
    output: Array
    outputs: int
    below: bool
    columns: int
    sets: Sets | None = None

    @property
    def leaves(self) -> Array:
        """Which nodes are leaves."""
        return self.left < 0


def of(trees: Trees) -> Ensemble:
    """The nodes of stored trees.

    Raises:
        Foreign: they are of another form than `models/convert` gives them.
        InvalidInput: the graph breaks off, or is none.
    """
    graph = _only(Message(memoryview(trees.graph.tobytes())), 7)
    node = _Node(_only(graph, 1))
    tree_ids, node_ids = node.integers("nodes_treeids"), node.integers("nodes_nodeids")
    count = len(tree_ids)
    root = np.flatnonzero(node_ids == 0)
    sizes = np.diff(np.append(root, count))
    # Each tree by itself, and its nodes in the order of their numbers.
    plain = len(root) and root[0] == 0 and len(node_ids) == count
    if not plain or (node_ids != np.arange(count) - np.repeat(root, sizes)).any():
        raise Foreign("nodes are not in order")
    if (tree_ids != np.repeat(np.arange(len(root)), sizes)).any():
        raise Foreign("trees are not in order")
    leaf, below = _modes(node, count)
    begin = np.repeat(root, sizes)
    left, right = (begin + node.listed(f"nodes_{side}nodeids", count) for side in ("true", "false"))
    holder = _holders(node, root, sizes, leaf)
    value = np.zeros(count, np.float32)
    value[holder] = node.numbers("target_weights", len(holder))
    gaps = node.listed("nodes_missing_value_tracks_true", count, missing=0)
    return Ensemble(
        feature=node.listed("nodes_featureids", count),
        threshold=node.numbers("nodes_values", count).astype(trees.dtype),
        left=np.where(leaf, -1, left),
        right=right,
        gap_left=gaps != 0,
        value=value,
        root=root,
        output=_outputs(node, holder, np.repeat(np.arange(len(root)), sizes), len(root)),
        outputs=node.number("n_targets"),
        below=below,
        columns=_width(graph),
    )


def asking(trees: Ensemble, membership: Membership) -> Ensemble:
    """The same trees of rows that have no column yet for each set of codes.

    Raises:
        Foreign: its sets are of another form than `models/convert` gives them.
    """
    columns = trees.columns - len(membership.positions)
    sets, positions = membership.sets, membership.positions
    if sets.ndim != 2 or positions.ndim != 1 or len(sets) != len(positions) or columns < 1:
        raise Foreign("sets are not a row each")
    gap = np.isnan(sets)
    if not (gap | np.isin(sets, (0, 1))).all():
        raise Foreign("a code is neither in a set nor outside")
    # Positions from the end are ones too.
    feature = np.where(positions < 0, positions + columns, positions)
    return replace(
        trees, columns=columns, sets=Sets(feature, np.where(gap, 2, sets).astype(np.uint8))
    )


class _Node:
    """The one operator of a graph, with its attributes."""

    def __init__(self, message: Message) -> None:
        if message.first(4) != "TreeEnsembleRegressor":
            raise Foreign("the operator is another one")
        self._attributes = {
            (attribute := Message(content)).first(1): attribute
            for _, content in message.parts(frozenset({5}))
        }
        odd = self._attributes.keys() - _KNOWN
        if odd:
            raise Foreign(f"the operator has the attribute {min(odd)}")
        for name, usual in (("aggregate_function", "SUM"), ("post_transform", "NONE")):
            if name in self._attributes and self._attributes[name].first(4) != usual:
                raise Foreign(f"{name} is another one")

    def integers(self, name: str) -> Array:
        attribute = self._attributes.get(name)
        return np.empty(0, np.int64) if attribute is None else attribute.integers(8)

    def listed(self, name: str, count: int, missing: int | None = None) -> Array:
        """Whole numbers, as many as there must be, or `missing` where there is no such list."""
        if name not in self._attributes and missing is not None:
            return np.full(count, missing)
        return _as_many(self.integers(name), name, count)

    def numbers(self, name: str, count: int) -> Array:
        """Fractions, of 32 or of 64 bits."""
        tensor = self._attributes.get(f"{name}_as_tensor")
        if tensor is not None:
            return _as_many(_only(tensor, 5).doubles(10), name, count)
        attribute = self._attributes.get(name)
        listed = np.empty(0, np.float32) if attribute is None else attribute.fractions(7)
        return _as_many(listed, name, count)

    def number(self, name: str) -> int:
        attribute = self._attributes.get(name)
        values = np.empty(0, np.int64) if attribute is None else attribute.integers(3)
        return int(_as_many(values, name, 1)[0])

    def texts(self, name: str) -> list[bytes]:
        attribute = self._attributes.get(name)
        return [] if attribute is None else attribute.texts()


def _modes(node: _Node, count: int) -> tuple[Array, bool]:
    """Which nodes are leaves, and whether the others ask for what is below a threshold."""
    modes = _as_many(np.array(node.texts("nodes_modes"), dtype=object), "nodes_modes", count)
    leaf = modes == _LEAF
    branches = set(modes[~leaf].tolist())
    if len(branches) > 1 or not branches <= {_AT_MOST, _BELOW}:
        raise Foreign("nodes ask in several ways, or in another one")
    return leaf.astype(bool), branches == {_BELOW}


def _holders(node: _Node, root: Array, sizes: Array, leaf: Array) -> Array:
    """Which leaf each value belongs to; each leaf has one."""
    trees, nodes = node.integers("target_treeids"), node.integers("target_nodeids")
    if len(trees) != len(nodes) or len(trees) != int(leaf.sum()):
        raise Foreign("not every leaf has one value")
    inside = (trees >= 0) & (trees < len(root))
    if not inside.all() or ((nodes < 0) | (nodes >= sizes[trees])).any():
        raise InvalidInput("a value is that of no leaf")
    holder: Array = root[trees] + nodes
    if not leaf[holder].all() or len(np.unique(holder)) != len(holder):
        raise Foreign("not every leaf has one value")
    return holder


def _outputs(node: _Node, holder: Array, tree_of: Array, trees: int) -> Array:
    """To which output each tree adds."""
    ids = node.listed("target_ids", len(holder))
    output = np.zeros(trees, np.int64)
    output[tree_of[holder]] = ids
    if (output[tree_of[holder]] != ids).any():
        raise Foreign("a tree adds to several outputs")
    return output


def _width(graph: Message) -> int:
    """How wide the rows are that the graph takes."""
    tensor = _only(_only(_only(graph, 11), 2), 1)
    sizes = [Message(size).integers(1) for _, size in _only(tensor, 2).parts(frozenset({1}))]
    if len(sizes) != 2 or len(sizes[1]) != 1:
        raise Foreign("it does not say how wide rows are")
    return int(sizes[1][0])


def _only(message: Message, number: int) -> Message:
    parts = [content for _, content in message.parts(frozenset({number}))]
    if len(parts) != 1:
        raise Foreign(f"there are {len(parts)} parts in place of one")
    return Message(parts[0])


def _as_many(values: Array, name: str, count: int) -> Array:
    if len(values) != count:
        msg = f"{name} has {len(values)} entries in place of {count}"
        raise InvalidInput(msg)
    return values
