"""XGBoost's files, JSON and UBJSON: trees that end, in features and categories that there are.

The schema: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html. Files of its
releases before 1.6 lack some lists, which are then not needed for a walk either.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.inspect.document import Part, joined
from serve_app.models.inspect.forest import AGAIN, Forest, check_forest, require_length
from serve_app.models.inspect.ubjson import decode
from serve_app.models.library_errors import reason

MAX_CATEGORY = 2**24
"""XGBoost's own bound: category numbers are stored as float32."""
MAX_CATEGORY_BITS = 2**29
"""XGBoost keeps a bit for each category up to the largest of each node."""
_ALWAYS = ("left_children", "right_children", "split_indices", "split_conditions")
_BY_NODE = ("default_left", "split_type", "parents", "loss_changes", "sum_hessian")


def check(content: bytes) -> None:
    """Let only a file pass that holds together.

    Raises:
        InvalidInput: it does not; says which tree and node.
    """
    check_document(decoded(content))


def decoded(content: bytes) -> Any:
    """The document in a file, of JSON or UBJSON; raises InvalidInput where there is none."""
    return _json(content) if content[1:2] in b'"\n\r\t }' else decode(content)


def check_document(document: Any) -> None:
    """Let only a document pass that holds together; raises as `check` does."""
    _check_learner(Part(document, "the file").part("learner"))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        msg = f"it is no whole JSON ({reason(error)}); store the model again"
        raise InvalidInput(msg) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"it holds {twice[:40]!r} twice in one place; {AGAIN}")
    return body


def _check_learner(learner: Part) -> None:
    param = learner.part("learner_model_param")
    features = param.count("num_feature")
    groups = max(param.count("num_class", 0), param.count("num_target", 1), 1)
    for key in ("feature_names", "feature_types"):
        if learner.length(key) not in {0, features}:
            require_length(range(learner.length(key)), features, f"{learner.where}.{key}")
    booster = learner.part("gradient_booster")
    if booster.text("name") == "gblinear":
        weights = booster.part("model").numbers("weights")
        require_length(weights, (features + 1) * groups, "the list of weights")
        return
    trees = booster.part("gbtree") if booster.text("name") == "dart" else booster
    model = trees.part("model")
    count = _check_model(model, features, groups)
    if booster.text("name") == "dart":
        require_length(booster.numbers("weight_drop"), count, "the list weight_drop")


def _check_model(model: Part, features: int, groups: int) -> int:
    """Check the trees; gives how many there are."""
    trees = model.parts("trees", "tree")
    param = model.part("gbtree_model_param")
    require_length(trees, param.count("num_trees"), "the list of trees")
    param.count("num_parallel_tree", 1)
    info = model.integers("tree_info", optional=True)
    require_length(info, len(trees), "the list tree_info")
    if ((info < 0) | (info >= groups)).any():
        tree = int(np.argmax((info < 0) | (info >= groups)))
        msg = f"tree {tree} is for output {info[tree]}, and there are {groups}; {AGAIN}"
        raise InvalidInput(msg)
    ends = model.integers("iteration_indptr", optional=True)
    if len(ends) and (ends[0] != 0 or ends[-1] != len(trees) or (np.diff(ends) < 0).any()):
        raise InvalidInput(f"the list iteration_indptr does not share out the trees; {AGAIN}")
    if "cats" in model:
        _check_columns_of_categories(model.part("cats"), features)
    if trees:
        _check_trees(trees, features, groups)
    return len(trees)


def _check_columns_of_categories(cats: Part, features: int) -> None:
    """The categories of training, which columns of later frames are read by."""
    columns = cats.parts("enc", "the categories of column") if cats.length("enc") else []
    ends = cats.integers("feature_segments", optional=True)
    order = cats.integers("sorted_idx", optional=True)
    if not columns:
        require_length(order, 0, "the order of categories")
        return
    require_length(columns, features, "the list of categories")
    require_length(ends, features + 1, "the list feature_segments")
    counts = np.diff(ends)
    if ends[0] != 0 or (counts < 0).any() or ends[-1] != len(order):
        raise InvalidInput(f"the list feature_segments does not share out categories; {AGAIN}")
    for column, size in zip(columns, counts.tolist(), strict=True):
        _check_column(column, size)
    sizes = np.repeat(counts, counts)
    if ((order < 0) | (order >= np.maximum(sizes, 1))).any():
        raise InvalidInput(f"the order of categories names some that there are not; {AGAIN}")


def _check_column(column: Part, size: int) -> None:
    values = column.numbers("values", optional=True)
    if "offsets" not in column:
        require_length(values, size, column.where)
        return
    # Texts: the bytes of all one behind the other, and where each begins and ends.
    offsets = column.integers("offsets", optional=True)
    if size == 0 and len(offsets) == 0:
        return
    require_length(offsets, size + 1, f"{column.where}: offsets")
    if offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != len(values):
        raise InvalidInput(f"{column.where}: offsets do not share out its texts; {AGAIN}")


def _check_trees(trees: Sequence[Part], features: int, groups: int) -> None:
    for number, tree in enumerate(trees):
        # XGBoost puts each tree at the place that it names.
        if tree.count("id", number) != number:
            raise InvalidInput(f"{tree.where} says that it is tree {tree.text('id')}; {AGAIN}")
    sizes = np.array([_check_lengths(tree, groups) for tree in trees], np.int64)
    left, right = joined(trees, "left_children"), joined(trees, "right_children")
    forest = Forest(left, right, left != -1, sizes)
    check_forest(forest)
    at = np.flatnonzero(forest.inner)
    words = "its right child {} is not the one after its left child {}"
    forest.require(right[at] == left[at] + 1, at, words, right[at], left[at])
    feature = joined(trees, "split_indices")[at]
    words = "it asks for feature {}, and there are {}"
    fine = (feature >= 0) & (feature < features)
    forest.require(fine, at, words, feature, np.full(len(at), features))
    _check_parents(trees, forest, at)
    _check_categories(trees, forest)


def _check_parents(trees: Sequence[Part], forest: Forest, at: Array) -> None:
    """Each child names its parent, by which XGBoost goes back up; a root names none."""
    if not all("parents" in tree for tree in trees):
        return
    parents = joined(trees, "parents")
    starts = np.repeat(forest.starts, forest.sizes)
    for side in (forest.left, forest.right):
        child = starts[at] + side[at]
        words = "it says that its parent is {}"
        forest.require(parents[child] == at - starts[at], child, words, parents[child])
    roots = parents[forest.starts]
    fine = (roots == -1) | (roots == 2**31 - 1)
    forest.require(fine, forest.starts, "it is the root and says that its parent is {}", roots)


def _check_lengths(tree: Part, groups: int) -> int:
    """Hold the lists of a tree against how many nodes it says that it has; gives that number."""
    param = tree.part("tree_param")
    nodes, width = param.count("num_nodes"), param.count("size_leaf_vector", 1)
    for key in _ALWAYS:
        tree.require_length(key, nodes)
    for key in _BY_NODE:
        if key in tree:
            tree.require_length(key, nodes)
    if width > 1:
        _check_leaf_vectors(tree, nodes, width, groups)
    elif "base_weights" in tree:
        tree.require_length("base_weights", nodes)
    return nodes


def _check_leaf_vectors(tree: Part, nodes: int, width: int, groups: int) -> None:
    """A tree of several outputs, whose leaves say by their right child which vector is theirs."""
    if width != groups:
        msg = f"{tree.where}: its leaves hold {width} values, and there are {groups} outputs"
        raise InvalidInput(f"{msg}; {AGAIN}")
    leaves = np.flatnonzero(tree.integers("left_children") == -1)
    if "leaf_weights" not in tree:
        require_length(tree.numbers("base_weights"), nodes * width, f"{tree.where}: base_weights")
        return
    weights = tree.numbers("leaf_weights")
    number = tree.integers("right_children")[leaves]
    wrong = (number < 0) | ((number + 1) * width > len(weights))
    if wrong.any():
        msg = f"{tree.where}, node {leaves[int(np.argmax(wrong))]}: it is a leaf without values"
        raise InvalidInput(f"{msg}; {AGAIN}")


def _check_categories(trees: Sequence[Part], forest: Forest) -> None:
    """Every split by categories has some, none of them too large to keep a bit for."""
    bits, with_categories = 0, np.zeros(len(forest.left), bool)
    for start, tree in zip(forest.starts.tolist(), trees, strict=True):
        if tree.length("categories_nodes"):
            nodes = tree.integers("categories_nodes")
            bits += _check_segments(tree, nodes)
            with_categories[start + nodes] = True
    if any("split_type" in tree for tree in trees):
        kinds = joined(trees, "split_type")
        require_length(kinds, len(forest.left), "the list of all trees' split_type")
        at = np.flatnonzero(forest.inner)
        forest.require((kinds[at] == 0) | (kinds[at] == 1), at, "it splits by a kind {}", kinds[at])
        # XGBoost looks no more at leaves when it predicts, but ends the process when it stores.
        at = np.flatnonzero(kinds == 1)
        forest.require(with_categories[at], at, "it splits by categories without any")
        at = np.flatnonzero(with_categories)
        forest.require(kinds[at] == 1, at, "it has categories and does not split by them")
    if bits > MAX_CATEGORY_BITS:
        raise InvalidInput(f"its categories take {bits // 2**23} MiB of memory; {AGAIN}")
    for tree in trees:
        # XGBoost looks for the next of them from node to node, and for one before it in vain.
        if (np.diff(tree.integers("categories_nodes", optional=True)) <= 0).any():
            raise InvalidInput(f"{tree.where}: its nodes with categories are in no order; {AGAIN}")


def _check_segments(tree: Part, nodes: Array) -> int:
    """Hold the categories of a tree's nodes against its lists; gives the bits that they take."""
    starts, sizes = tree.integers("categories_segments"), tree.integers("categories_sizes")
    values = tree.integers("categories")
    for key, segments in (("categories_segments", starts), ("categories_sizes", sizes)):
        require_length(segments, len(nodes), f"{tree.where}: {key}")
    count = tree.part("tree_param").count("num_nodes")
    # Sums of such may be beyond int64; what is larger than all of the list is refused before.
    limit = len(values)
    wrong = (nodes < 0) | (nodes >= count) | (starts < 0) | (starts > limit)
    wrong |= (sizes < 0) | (sizes > limit) | (np.minimum(starts, limit) + sizes > limit)
    if wrong.any():
        node = nodes[int(np.argmax(wrong))]
        msg = f"{tree.where}, node {node}: its categories are not in the tree's list of {limit}"
        raise InvalidInput(f"{msg}; {AGAIN}")
    wrong = (values < 0) | (values >= MAX_CATEGORY)
    if wrong.any():
        msg = f"{tree.where}: {values[int(np.argmax(wrong))]} is no category; {AGAIN}"
        raise InvalidInput(msg)
    return len(nodes) * (int(values.max()) + 1) if len(values) else 0
