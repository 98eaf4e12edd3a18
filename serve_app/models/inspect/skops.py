"""Files of skops: bounded when they are unpacked, and native states that hold together.

skops looks at the types in a file and not at what stands in them, and says so of trees. Here its
own tree of nodes is walked before anything is constructed, so that what is looked at is what
would be loaded.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
from skops.io import _audit, _general, _numpy, _scipy, _sklearn
from skops.io._utils import read_schema

from serve_app.errors import InvalidInput
from serve_app.models.inspect import sklearn_states
from serve_app.models.inspect.archive import MAX_BYTES, check_archive
from serve_app.models.inspect.forest import AGAIN
from serve_app.models.inspect.skops_classes import check_object
from serve_app.models.inspect.skops_nodes import children, name_of, plain
from serve_app.models.library_errors import reason

MAX_DEPTH = 100
"""How many objects may stand inside of each other."""
_SCHEMA = "schema.json"
_FREE_OBJECTS = 100_000
_MAX_SHARED = 10
"""So many times its own number of objects a file may stand for, by sharing some of them."""

_TREE = "sklearn.tree._tree.Tree"
_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
# Estimators of these pass the columns of their rows on as they are.
_PASSING = (
    "sklearn.tree._classes.",
    "sklearn.ensemble._forest.",
    "sklearn.ensemble._gb.",
    "sklearn.ensemble._iforest.",
    "sklearn.ensemble._weight_boosting.",
    "sklearn.ensemble._hist_gradient_boosting.",
    "imblearn.ensemble._forest.",
)


def check(content: bytes) -> None:
    """Let only a file pass that is bounded, and whose native objects hold together.

    Raises:
        InvalidInput: it is another; says which object of it.
    """
    check_archive(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_members(archive)
            schema, context = read_schema(archive)
            root = _audit.get_tree(schema, load_context=context, trusted=None)
            _check_sizes(root)
            _Objects(root).check()
    except InvalidInput:
        raise
    except RecursionError as error:
        raise InvalidInput(f"its objects stand in each other without end; {AGAIN}") from error


def _check_members(archive: zipfile.ZipFile) -> None:
    """Bound what reading each file as often as it is named would take."""
    try:
        schema = json.loads(archive.read(_SCHEMA))
    except (KeyError, ValueError) as error:
        raise InvalidInput(f"it has no {_SCHEMA} that can be read ({reason(error)})") from error
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    total, known = 0, set()
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, list):
            waiting.extend((inner, depth) for inner in value)
        elif isinstance(value, dict):
            if depth > MAX_DEPTH:
                raise InvalidInput(f"more than {MAX_DEPTH} of its objects stand in each other")
            deeper = depth + ("__loader__" in value)
            waiting.extend((inner, deeper) for inner in value.values())
            place = (str(value.get("file")), str(value.get("__id__")))
            if "file" in value and place not in known:
                known.add(place)
                total += sizes.get(place[0], 0)
    if total > MAX_BYTES:
        msg = f"its objects name files of {total // 2**20} MiB, and may {MAX_BYTES // 2**20} MiB"
        raise InvalidInput(msg)


def _check_sizes(root: Any) -> None:
    """Bound how many objects there are where shared ones are counted each time.

    Whoever walks through such objects without remembering meets them as often.
    """
    sizes: dict[int, int] = {}
    opened: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        if id(node) in sizes:
            waiting.pop()
        elif id(node) in opened:
            # What is not counted yet is what the node itself stands in.
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 1) for child in children(node))
            waiting.pop()
        else:
            opened.add(id(node))
            waiting.extend(one for one in children(node) if id(one) not in opened)
    if sizes[id(root)] > _FREE_OBJECTS + _MAX_SHARED * len(sizes):
        msg = f"its {len(sizes)} objects stand for {sizes[id(root)]} by sharing; {AGAIN}"
        raise InvalidInput(msg)


class _Objects:
    """All objects of a file, each looked at as what it is."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._trees: list[tuple[Any, Any, int | None]] = []
        self._predictors: list[tuple[Any, int | None]] = []

    def check(self) -> None:
        """Walk through all of them; raises InvalidInput."""
        seen: set[tuple[int, int | None]] = set()
        # With how many columns the estimator around it hands on, where it says so.
        waiting: list[tuple[Any, int | None]] = [(self._root, None)]
        while waiting:
            node, owned = waiting.pop()
            if (id(node), owned) in seen:
                continue
            seen.add((id(node), owned))
            self._take(node, owned)
            inner = _handed_on(node, owned)
            waiting.extend((child, inner) for child in children(node))
        sklearn_states.check_trees(self._trees)
        sklearn_states.check_predictors(self._predictors)

    def _take(self, node: Any, owned: int | None) -> None:
        name = name_of(node)
        if isinstance(node, _sklearn.ReduceNode):
            _require_loader(node, name)
            if name == _TREE:
                self._trees.append((plain(node.args), plain(node.attrs), owned))
        elif isinstance(node, _general.ConstructorFromReduceNode) and name == _TREE:
            raise InvalidInput(f"it makes a tree in a way of its own; {AGAIN}")
        elif isinstance(node, _general.ObjectNode):
            if name == _PREDICTOR:
                self._predictors.append((plain(node.attrs), owned))
            else:
                check_object(name, node)
        elif isinstance(node, (_numpy.RandomStateNode, _numpy.RandomGeneratorNode)):
            _check_random(node)
        elif isinstance(node, (_scipy.SparseMatrixNode, _numpy.NdArrayNode)):
            plain(node)


def _require_loader(node: Any, name: str) -> None:
    """Let only losses be made as losses are, which calls whatever class the file names."""
    losses = ("sklearn._loss.", "sklearn.linear_model._sgd_fast.", "_loss.")
    if isinstance(node, _sklearn.LossNode) and not name.startswith(losses):
        raise InvalidInput(f"it makes {name} as if that were a loss; {AGAIN}")
    if isinstance(node, _sklearn.TreeNode) and name != _TREE:
        raise InvalidInput(f"it makes a tree under the name {name}; {AGAIN}")


def _check_random(node: Any) -> None:
    state = node.content if isinstance(node, _numpy.RandomStateNode) else node.bit_generator_state
    sklearn_states.check_random_state(plain(state))


def _handed_on(node: Any, owned: int | None) -> int | None:
    """How many columns what stands in a node is given, where that is known."""
    if not isinstance(node, _general.ObjectNode):
        return owned
    if not name_of(node).startswith(_PASSING):
        return None
    state = node.attrs
    known = state.content.get("n_features_in_") if isinstance(state, _general.DictNode) else None
    columns = plain(known)
    if isinstance(columns, np.generic) and columns.dtype.kind in "iu":
        columns = int(columns)
    if not isinstance(columns, int):
        return owned
    return columns if owned is None else min(owned, columns)
