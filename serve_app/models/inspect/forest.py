"""Many binary trees as flat arrays: whether every walk from a root ends in a leaf.

A walk ends if no node is the child of two, and no root the child of any: to come back to a node,
a walk would have to enter it a second time. So two counts take the place of a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput

MAX_DEPTH = 1_000
"""Explanations recurse once per level, and keep memory that grows with the square of it."""
AGAIN = "the file is damaged or was tampered with; store the model again"


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees one behind the other.

    `left` and `right` hold the child of each node by its number within its tree, shape (nodes,);
    they count only where `inner`. `sizes` holds the nodes of each tree, `names` what trees are
    called in messages (`tree 7`, where there are none).
    """

    left: Array
    right: Array
    inner: Array
    sizes: Array
    names: Sequence[str] = ()

    @property
    def starts(self) -> Array:
        """The place of each tree's root."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    def refused(self, place: int, problem: str) -> InvalidInput:
        """What is raised about the node at a place."""
        tree = int(np.searchsorted(self.starts, place, side="right")) - 1
        name = self.names[tree] if self.names else f"tree {tree}"
        return InvalidInput(f"{name}, node {place - int(self.starts[tree])}: {problem}; {AGAIN}")

    def require(self, fine: Array, at: Array, problem: str, *values: Array) -> None:
        """Let all nodes at the places `at` pass for which `fine` holds.

        `problem` is formatted with the values of the first that does not pass.

        Raises:
            InvalidInput: one does not pass; names it.
        """
        if fine.all():
            return
        first = int(np.argmin(fine))
        raise self.refused(int(at[first]), problem.format(*(value[first] for value in values)))


def check_forest(forest: Forest, max_depth: int = MAX_DEPTH) -> Array:
    """Let only trees pass in which every walk ends, within `max_depth` steps.

    What comes back is how deep each tree is, 0 where its root is a leaf.

    Raises:
        InvalidInput: a child is no node of its tree, or the child of two; a tree is empty or
            too deep. Names the tree and the node.
    """
    if len(forest.sizes) == 0:
        return np.empty(0, np.int64)
    if (forest.sizes < 1).any():
        tree = int(np.argmin(forest.sizes))
        name = forest.names[tree] if forest.names else f"tree {tree}"
        raise InvalidInput(f"{name} has no nodes; {AGAIN}")
    starts = forest.starts
    roots = np.repeat(starts, forest.sizes)
    ends = np.repeat(forest.sizes, forest.sizes)
    at = np.flatnonzero(forest.inner)
    children = []
    for side, numbers in (("left", forest.left), ("right", forest.right)):
        child, size = numbers[at].astype(np.int64), ends[at]
        words = f"its {side} child {{}} is none of the {{}} nodes of the tree"
        forest.require((child >= 0) & (child < size), at, words, child, size)
        children.append(roots[at] + child)
    entered = np.bincount(np.concatenate(children), minlength=len(forest.left))
    twice = np.concatenate([np.flatnonzero(entered > 1), starts[entered[starts] > 0]])
    if len(twice):
        raise forest.refused(
            int(twice[0]), "it is the child of several nodes, so that walks may not end"
        )
    return _depths(forest, (at, children[0], children[1]), max_depth)


def _depths(forest: Forest, edges: tuple[Array, Array, Array], max_depth: int) -> Array:
    at, left, right = edges
    by_node = np.full(len(forest.left), -1, np.int64)
    by_node[at] = np.arange(len(at))
    level, trees = forest.starts, np.arange(len(forest.sizes))
    depths = np.zeros(len(forest.sizes), np.int64)
    for depth in range(max_depth + 1):
        depths[trees] = depth
        parents = by_node[level]
        trees, parents = trees[parents >= 0], parents[parents >= 0]
        if len(parents) == 0:
            return depths
        level = np.concatenate([left[parents], right[parents]])
        trees = np.concatenate([trees, trees])
    raise forest.refused(int(level[0]), f"it is more than {max_depth} levels below the root")


def require_length(values: Any, length: int, what: str) -> None:
    """Let only arrays and lists of a length pass.

    Raises:
        InvalidInput: it has another; says which.
    """
    if len(values) != length:
        raise InvalidInput(f"{what} has {len(values)} entries in place of {length}; {AGAIN}")
