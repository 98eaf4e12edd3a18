"""LightGBM's text: trees that end, in features, categories and leaves that there are.

A file is a head of `key=value` lines, a block of such lines per tree, `end of trees`, and what
predictions do not need. Children are numbers of splits, or of leaves as -1 - number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import AGAIN, Forest, check_forest

_END = b"\nend of trees"
_TREE = re.compile(rb"Tree=(\d{1,9})\s*\n")
_PARAMETER = re.compile(r"\[\w+: [^\n]*\]")
# LightGBM reads trees in threads, where the error that a word raises ends the process.
_NUMBERS = re.compile(r"(?:[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d{1,4})?|inf|nan) )*", re.ASCII)
_CLASSES = re.compile(r"\bnum_class:(\d{1,9})\b", re.ASCII)
# Python's `split` and LightGBM do not agree on which of these end a line or a number.
_CONTROL = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
# How many entries a list has, by the leaves of its tree.
_BY_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_OPTIONAL_BY_SPLIT = ("split_gain", "internal_value", "internal_weight", "internal_count")
_OPTIONAL_BY_LEAF = ("leaf_weight", "leaf_count")

Block = Mapping[str, str]


def check(content: bytes) -> None:
    """Let only a file pass that holds together.

    Raises:
        InvalidInput: it does not; says which tree and node.
    """
    end = content.find(_END)
    if end < 0:
        raise InvalidInput("it breaks off before the end of its trees; store the model again")
    _check_parameters(content[end:])
    _check_text(content)
    start = content.find(b"\nTree=", 0, end) + 1
    head = _block(content[: start or end], "the head")
    features = _number(head, "max_feature_idx", "the head") + 1
    _check_head(head, features)
    if not start:
        return
    places = _places(content, head, start, end + 1)
    trees = [_block(content[a:b], f"tree {n}") for n, (a, b) in enumerate(places)]
    per_iteration = _number(head, "num_tree_per_iteration", "the head")
    if per_iteration < 1 or len(trees) % per_iteration:
        msg = f"its {len(trees)} trees are no whole iterations of {per_iteration}; {AGAIN}"
        raise InvalidInput(msg)
    _check_trees(trees, features)


def _check_parameters(tail: bytes) -> None:
    """The settings of training, behind the trees: LightGBM takes each line apart unseen."""
    _, match, rest = tail.partition(b"\nparameters:")
    if not match:
        return
    section, match, _ = rest.partition(b"\nend of parameters")
    lines = [one.strip() for one in section.decode("utf-8", "replace").split("\n")]
    if not match or any(one and not _PARAMETER.fullmatch(one) for one in lines):
        raise InvalidInput(f"its list of parameters is not as LightGBM writes it; {AGAIN}")


def _check_text(content: bytes) -> None:
    """Names of columns in another encoding would be other names, and other lines other numbers."""
    control = _CONTROL.search(content)
    if control is not None:
        line = content.count(b"\n", 0, control.start()) + 1
        raise InvalidInput(f"line {line} holds the control character {control[0]!r}; {AGAIN}")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"line {line} is no text in UTF-8; {AGAIN}") from error


def _block(content: bytes, where: str) -> Block:
    lines = content.decode("utf-8", "replace").split("\n")
    pairs = [line.partition("=")[::2] for line in lines if "=" in line]
    block = dict(pairs)
    if len(block) != len(pairs):
        raise InvalidInput(f"{where} holds a key twice; {AGAIN}")
    return block


def _check_head(head: Block, features: int) -> None:
    for key in ("feature_names", "feature_infos"):
        if key in head and len(head[key].split(" ")) != features:
            count = len(head[key].split(" "))
            msg = f"the head has {count} {key} for {features} features; {AGAIN}"
            raise InvalidInput(msg)
    classes = _number(head, "num_class", "the head")
    outputs = _number(head, "num_tree_per_iteration", "the head")
    named = _CLASSES.search(head.get("objective", ""))
    # LightGBM makes room for all classes and fills in those that have trees.
    if outputs != classes or (named is not None and int(named[1]) != outputs):
        msg = (
            f"the head says {classes} classes, {outputs} trees per iteration and the objective "
            f"{head.get('objective', '')[:60]!r}, which do not go together; {AGAIN}"
        )
        raise InvalidInput(msg)


def _places(content: bytes, head: Block, start: int, end: int) -> list[tuple[int, int]]:
    """Where each tree begins and ends: LightGBM goes by the sizes in the head where it has some.

    Raises:
        InvalidInput: there is no tree where one has to begin.
    """
    if "tree_sizes" in head:
        sizes = _integers(head["tree_sizes"].split(), "the list tree_sizes")
        ends = start + np.cumsum(np.clip(sizes, -1, len(content)))
        starts = [start, *ends[:-1].tolist()] if len(ends) else []
        stops = ends.tolist()
        if (sizes < 1).any() or not stops or stops[-1] > end or content[stops[-1] : end].strip():
            raise InvalidInput(f"the list tree_sizes does not share out the trees; {AGAIN}")
    else:
        starts = [one.start() for one in _TREE.finditer(content, start, end)]
        stops = [*starts[1:], end]
    for number, at in enumerate(starts):
        match = _TREE.match(content, at, end)
        if match is None or int(match[1]) != number:
            raise InvalidInput(f"tree {number} does not begin where the head says; {AGAIN}")
    return list(zip(starts, stops, strict=True))


def _check_trees(trees: Sequence[Block], features: int) -> None:
    leaves = np.array([_check_lengths(tree, n) for n, tree in enumerate(trees)], np.int64)
    splits = leaves - 1
    sizes = leaves + splits
    inner = np.concatenate([np.arange(size) < split for size, split in zip(sizes, splits)])  # noqa: B905
    at = np.flatnonzero(inner)
    offset = np.repeat(splits, splits)
    left, right = np.full(len(inner), -1, np.int64), np.full(len(inner), -1, np.int64)
    for numbers, key in ((left, "left_child"), (right, "right_child")):
        child = _joined(trees, key)
        numbers[at] = np.where(child < 0, offset - 1 - child, child)
        # Leaves stand behind the splits, so that a split beyond the last is no leaf either.
        numbers[at[(child >= offset)]] = -1
    forest = Forest(left, right, inner, sizes)
    check_forest(forest)
    feature = _joined(trees, "split_feature")
    fine = (feature >= 0) & (feature < features)
    words = "it asks for feature {}, and there are {}"
    forest.require(fine, at, words, feature, np.full(len(at), features))
    kinds = _joined(trees, "decision_type")
    forest.require((kinds >= 0) & (kinds < 16), at, "it decides by a kind {}", kinds)
    starts = np.cumsum(splits) - splits
    for number, tree in enumerate(trees):
        _check_categories(tree, number, kinds[starts[number] : starts[number] + splits[number]])
        if tree.get("is_linear", "0").strip() not in {"", "0"}:
            _check_linear(tree, number, int(leaves[number]), features)


def _check_lengths(tree: Block, number: int) -> int:
    """Hold the lists of a tree against its leaves; gives how many there are."""
    where = f"tree {number}"
    text = " ".join(tree.values())
    if not text.isascii() or _NUMBERS.fullmatch("".join(f"{w} " for w in text.split())) is None:
        raise InvalidInput(f"{where} holds what is no number; {AGAIN}")
    leaves = _number(tree, "num_leaves", where)
    if leaves < 1:
        raise InvalidInput(f"{where} has no leaves; {AGAIN}")
    wanted = [(key, leaves - 1) for key in _BY_SPLIT] + [("leaf_value", leaves)]
    wanted += [(key, leaves - 1) for key in _OPTIONAL_BY_SPLIT if tree.get(key, "").strip()]
    if leaves > 1:
        wanted += [(key, leaves) for key in _OPTIONAL_BY_LEAF if tree.get(key, "").strip()]
    for key, length in wanted:
        count = len(tree.get(key, "").split())
        if count != length:
            raise InvalidInput(f"{where}: {key} has {count} entries in place of {length}; {AGAIN}")
    return leaves


def _check_categories(tree: Block, number: int, kinds: Array) -> None:
    """Every split by categories has a set of them that stands in the tree's list."""
    by_categories = np.flatnonzero(kinds & 1)
    count = _number(tree, "num_cat", f"tree {number}")
    if count == 0 and len(by_categories) == 0:
        return
    where = f"tree {number}"
    ends = _integers(tree.get("cat_boundaries", "").split(), f"{where}: cat_boundaries")
    sets = len(tree.get("cat_threshold", "").split())
    if len(ends) != count + 1 or ends[0] != 0 or (np.diff(ends) < 0).any() or ends[-1] != sets:
        raise InvalidInput(f"{where}: cat_boundaries do not share out its categories; {AGAIN}")
    thresholds = tree["threshold"].split()
    for split in by_categories.tolist():
        text = thresholds[split]
        if not text.isdecimal() or int(text) >= count:
            msg = f"{where}, node {split}: it splits by set {text[:20]} of {count} of categories"
            raise InvalidInput(f"{msg}; {AGAIN}")


def _check_linear(tree: Block, number: int, leaves: int, features: int) -> None:
    where = f"tree {number}"
    counts = _integers(tree.get("num_features", "").split(), f"{where}: num_features")
    named = _integers(tree.get("leaf_features", "").split(), f"{where}: leaf_features")
    constants, factors = (len(tree.get(key, "").split()) for key in ("leaf_const", "leaf_coeff"))
    fine = len(counts) == leaves == constants and (counts >= 0).all()
    if not fine or counts.sum() != len(named) or len(named) != factors:
        raise InvalidInput(f"{where}: the linear models of its leaves are not whole; {AGAIN}")
    if ((named < 0) | (named >= features)).any():
        msg = f"{where}: a leaf's model takes a feature of which there are {features}; {AGAIN}"
        raise InvalidInput(msg)


def _joined(trees: Sequence[Block], key: str) -> Array:
    return _integers(list(chain.from_iterable(tree[key].split() for tree in trees)), key)


def _integers(words: list[str], where: str) -> Array:
    try:
        return np.array(words, dtype=np.int64)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{where}: it holds what is no whole number; {AGAIN}") from None


def _number(block: Block, key: str, where: str) -> int:
    text = block.get(key, "").strip()
    if not text.isdecimal() or not text.isascii() or len(text) > 9:
        raise InvalidInput(f"{where}: {key} is {text[:40]!r} and no number of things; {AGAIN}")
    return int(text)
