"""Programs whose trees NumPy walks, in place of ONNX Runtime."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import helper, numpy_helper

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation
from serve_app.models.compiled.trees import Trees
from serve_app.models.compiled.walk import WalkedTrees

_T = TypeVar("_T")


def walked(value: _T) -> _T:
    """The same operation with `WalkedTrees` in place of all `Trees`; of tuples, that of each."""
    return _walked(value)  # type: ignore[no-any-return]


def _walked(value: Any) -> Any:
    if isinstance(value, Trees):
        return read(value)
    if isinstance(value, tuple):
        return tuple(_walked(inner) for inner in value)
    if not isinstance(value, Operation):
        return value
    inner = {one.name: getattr(value, one.name) for one in fields(value)}
    return replace(value, **{name: _walked(part) for name, part in inner.items()})


def read(trees: Trees) -> WalkedTrees:
    """The nodes of the graph that some trees are, as arrays."""
    node = onnx.load_from_string(trees.graph.tobytes()).graph.node[0]
    stored = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    tree_ids, node_ids = np.asarray(stored["nodes_treeids"]), np.asarray(stored["nodes_nodeids"])
    modes = np.asarray(stored["nodes_modes"])
    starts = np.flatnonzero(node_ids == 0)
    own = np.arange(len(node_ids))
    # Nodes are numbered within their tree, and stand in that order.
    base = starts[tree_ids]
    leaf = modes == b"LEAF"
    left = np.where(leaf, own, base + np.asarray(stored["nodes_truenodeids"]))
    right = np.where(leaf, own, base + np.asarray(stored["nodes_falsenodeids"]))
    holders = starts[np.asarray(stored["target_treeids"])] + np.asarray(stored["target_nodeids"])
    values = np.zeros(len(own), np.float32)
    values[holders] = _numbers(stored, "target_weights")
    outputs = np.zeros(len(starts), np.int32)
    outputs[np.asarray(stored["target_treeids"])] = np.asarray(stored["target_ids"])
    gaps = stored.get("nodes_missing_value_tracks_true")
    return WalkedTrees(
        features=np.asarray(stored["nodes_featureids"]).astype(np.int32),
        thresholds=_numbers(stored, "nodes_values").astype(trees.dtype),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        gaps_left=np.zeros(len(own), bool) if gaps is None else np.asarray(gaps).astype(bool),
        values=values,
        roots=starts.astype(np.int32),
        depths=_depths(starts, left, right),
        outputs=outputs,
        below=b"BRANCH_LT" in modes,
        dtype=trees.dtype,
    )


def _numbers(stored: dict[str, Any], name: str) -> Array:
    tensor = stored.get(f"{name}_as_tensor")
    return np.asarray(stored[name]) if tensor is None else numpy_helper.to_array(tensor)


def _depths(roots: Array, left: Array, right: Array) -> Array:
    """How many questions the longest way through each tree asks."""
    depths = np.zeros(len(roots), np.int32)
    trees, nodes, level = np.arange(len(roots)), roots, 0
    while len(nodes):
        level += 1
        branch = left[nodes] != nodes
        trees, nodes = trees[branch], nodes[branch]
        # Written once for each tree that goes on, however many of its nodes stand on this level.
        depths[trees] = level
        nodes = np.concatenate([left[nodes], right[nodes]])
        trees = np.concatenate([trees, trees])
    return depths
