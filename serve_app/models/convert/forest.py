"""Converts decision trees and sums of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import onnx
from onnx import helper

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation
from serve_app.models.compiled.trees import Leaves, Trees
from serve_app.models.convert.dispatch import Inconvertible

MAX_NODES = 3_000_000
_ROOT = "x"
_OUTPUT = "leaves"


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as arrays with an entry per node; a leaf has no `left`, which is -1 then.

    A row goes left when its value of `feature` is at most `threshold` (below it, in a graph
    that says so), and where the value is NaN, when `missing_left` says so. `value` is what
    a leaf holds: a number, or which leaf of the tree it is.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array
    value: Array

    @property
    def leaves(self) -> Array:
        """Which nodes are leaves."""
        return self.left < 0


def sums(members: Sequence[Tree], outputs: Sequence[int], start: Array, *, width: int) -> Trees:
    """An operation that adds up the leaves of trees, of which each belongs to an output.

    In float32 throughout: thresholds (below which a row goes left), leaves, and each sum,
    which goes through its trees in order from `start` on (one number per output). `width` is
    the number of features.

    Raises:
        Inconvertible: the trees have more nodes than are worth it.
    """
    # ONNX Runtime adds tree after tree, but what the operator calls base values comes last;
    # as leaves of trees without a split they come first.
    begin = [_leaf(value) for value in start]
    to = [*range(len(start)), *outputs]
    return _trees([*begin, *members], to, width=width, below=True, double=False)


def leaves(members: Sequence[Tree], values: Sequence[Array], *, width: int, double: bool) -> Leaves:
    """An operation that gives what stands in the leaf of each tree, one array per tree.

    Unless `double` says so, thresholds are rounded to float32.

    Raises:
        Inconvertible: the trees have more nodes than are worth it.
    """
    numbered = [_numbered(tree) for tree in members]
    sizes = [len(value) for value in values]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    trees = _trees(numbered, range(len(members)), width=width, below=False, double=double)
    return Leaves(trees, starts, np.concatenate([np.asarray(v) for v in values]))


def at_most(thresholds: Array) -> Array:
    """The largest float32 that is no larger: a float32 is at most the one if at most the other."""
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(np.float32)
    above = rounded.astype(np.float64) > thresholds
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def thresholds(operation: Any) -> dict[int, Array]:
    """The numbers that the trees anywhere in an operation compare with, by feature."""
    by_feature: dict[int, list[Array]] = {}
    for one in _trees_in(operation):
        node = onnx.load_from_string(one.graph.tobytes()).graph.node[0]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        double = attributes.get("nodes_values_as_tensor")
        values = np.asarray(
            attributes["nodes_values"] if double is None else onnx.numpy_helper.to_array(double)
        )
        branches = np.array([mode != b"LEAF" for mode in attributes["nodes_modes"]])
        features = np.asarray(attributes["nodes_featureids"])
        for feature in np.unique(features[branches]):
            by_feature.setdefault(int(feature), []).append(values[branches & (features == feature)])
    return {feature: np.unique(np.concatenate(some)) for feature, some in by_feature.items()}


def _trees_in(value: Any) -> Iterator[Trees]:
    if isinstance(value, Trees):
        yield value
    elif isinstance(value, Operation):
        for one in fields(value):
            yield from _trees_in(getattr(value, one.name))
    elif isinstance(value, tuple):
        for inner in value:
            yield from _trees_in(inner)


def _trees(
    members: Sequence[Tree], outputs: Sequence[int], *, width: int, below: bool, double: bool
) -> Trees:
    if sum(len(tree.left) for tree in members) > MAX_NODES:
        msg = f"its trees have more than {MAX_NODES:,} nodes"
        raise Inconvertible(msg)
    attributes = _attributes(members, outputs, below=below, double=double)
    graph = _graph(attributes, max(outputs) + 1, width, double)
    content = np.frombuffer(graph.SerializeToString(), np.uint8)
    return Trees(content, "float64" if double else "float32")


def _leaf(value: float) -> Tree:
    none, nothing = np.array([-1]), np.zeros(1)
    return Tree(np.zeros(1, int), nothing, none, none, nothing, np.array([value]))


def _numbered(tree: Tree) -> Tree:
    value = np.zeros(len(tree.left))
    value[tree.leaves] = np.arange(tree.leaves.sum())
    return Tree(tree.feature, tree.threshold, tree.left, tree.right, tree.missing_left, value)


def _attributes(
    members: Sequence[Tree], outputs: Sequence[int], *, below: bool, double: bool
) -> dict[str, Any]:
    sizes = [len(tree.left) for tree in members]
    number = np.repeat(np.arange(len(members)), sizes)
    node = np.concatenate([np.arange(size) for size in sizes])
    leaf = np.concatenate([tree.leaves for tree in members])
    branch = "BRANCH_LT" if below else "BRANCH_LEQ"
    thresholds = np.concatenate([np.where(tree.leaves, 0.0, tree.threshold) for tree in members])
    values = np.concatenate([tree.value[tree.leaves] for tree in members])

    def nodes(name: str) -> list[int]:
        values = np.concatenate([getattr(tree, name) for tree in members])
        listed: list[int] = np.where(leaf, 0, values).astype(int).tolist()
        return listed

    attributes: dict[str, Any] = {
        "nodes_treeids": number.tolist(),
        "nodes_nodeids": node.tolist(),
        "nodes_featureids": nodes("feature"),
        "nodes_modes": np.where(leaf, "LEAF", branch).tolist(),
        "nodes_truenodeids": nodes("left"),
        "nodes_falsenodeids": nodes("right"),
        "target_treeids": number[leaf].tolist(),
        "target_nodeids": node[leaf].tolist(),
        "target_ids": np.asarray(outputs)[number[leaf]].tolist(),
    }
    missing = nodes("missing_left")
    if any(missing):
        attributes["nodes_missing_value_tracks_true"] = missing
    if double:
        attributes["nodes_values_as_tensor"] = _tensor("nodes_values", thresholds)
        attributes["target_weights_as_tensor"] = _tensor("target_weights", values)
    else:
        attributes["nodes_values"] = thresholds.astype(np.float32).tolist()
        attributes["target_weights"] = values.astype(np.float32).tolist()
    return attributes


def _tensor(name: str, values: Array) -> Any:
    return helper.make_tensor(name, onnx.TensorProto.DOUBLE, [len(values)], values.tolist())


def _graph(attributes: dict[str, Any], outputs: int, width: int, double: bool) -> Any:
    node = helper.make_node(
        "TreeEnsembleRegressor",
        [_ROOT],
        [_OUTPUT],
        domain="ai.onnx.ml",
        n_targets=outputs,
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )
    kind = onnx.TensorProto.DOUBLE if double else onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info(_ROOT, kind, [None, width])],
        [helper.make_tensor_value_info(_OUTPUT, onnx.TensorProto.FLOAT, [None, outputs])],
    )
    versions = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=versions, ir_version=8)
