"""Files of skops: bounded when they are unpacked, and native states that hold together.

skops looks at the types in a file and not at what stands in them, and says so of trees. Here its
own tree of nodes is walked before anything is constructed, so that what is looked at is what
would be loaded.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import scipy.sparse
from skops.io import _audit, _general, _numpy, _scipy, _sklearn
from skops.io._utils import read_schema

from serve_app.errors import InvalidInput
from serve_app.models.inspect import lightgbm, sklearn_estimators, sklearn_states, xgboost
from serve_app.models.inspect.archive import MAX_BYTES, array_of, check_archive, check_npz
from serve_app.models.inspect.forest import AGAIN
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
_VECTORISERS = ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")


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


def _children(node: Any) -> Iterator[Any]:
    """The nodes in a node."""
    waiting = [node.children]
    if isinstance(node, _audit.CachedNode):
        waiting.append(node.cached)
    while waiting:
        one = waiting.pop()
        if isinstance(one, _audit.Node):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


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
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 1) for child in _children(node))
            waiting.pop()
        else:
            opened.add(id(node))
            waiting.extend(one for one in _children(node) if id(one) not in opened)
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
            waiting.extend((child, inner) for child in _children(node))
        sklearn_states.check_trees(self._trees)
        sklearn_states.check_predictors(self._predictors)

    def _take(self, node: Any, owned: int | None) -> None:
        name = _name(node)
        if isinstance(node, _sklearn.ReduceNode):
            _require_loader(node, name)
            if name == _TREE:
                self._trees.append((_plain(node.args), _plain(node.attrs), owned))
        elif isinstance(node, _general.ConstructorFromReduceNode) and name == _TREE:
            raise InvalidInput(f"it makes a tree in a way of its own; {AGAIN}")
        elif isinstance(node, _general.ObjectNode):
            if name == _PREDICTOR:
                self._predictors.append((_plain(node.attrs), owned))
            else:
                _check_object(name, node)
        elif isinstance(node, (_numpy.RandomStateNode, _numpy.RandomGeneratorNode)):
            _check_random(node)
        elif isinstance(node, (_scipy.SparseMatrixNode, _numpy.NdArrayNode)):
            _plain(node)


def _require_loader(node: Any, name: str) -> None:
    """Let only losses be made as losses are, which calls whatever class the file names."""
    losses = ("sklearn._loss.", "sklearn.linear_model._sgd_fast.", "_loss.")
    if isinstance(node, _sklearn.LossNode) and not name.startswith(losses):
        raise InvalidInput(f"it makes {name} as if that were a loss; {AGAIN}")
    if isinstance(node, _sklearn.TreeNode) and name != _TREE:
        raise InvalidInput(f"it makes a tree under the name {name}; {AGAIN}")


def _check_object(name: str, node: Any) -> None:
    checks = [check for ending, check in _BY_CLASS.items() if name.endswith(ending)]
    if not checks:
        return
    state = _plain(node.attrs) if node.attrs is not None else None
    for check_state in checks:
        try:
            check_state(state, name)
        except InvalidInput as error:
            raise InvalidInput(f"its {name.rpartition('.')[2]}: {error.message}") from error


def _check_random(node: Any) -> None:
    state = node.content if isinstance(node, _numpy.RandomStateNode) else node.bit_generator_state
    sklearn_states.check_random_state(_plain(state))


def _sparse(node: Any) -> Any:
    """The sparse matrix of a node, whose indices lie within its shape."""
    content = node.content.getvalue()
    check_npz(content)
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        sklearn_states.check_sparse({key: file[key] for key in file.files})
    try:
        return scipy.sparse.load_npz(io.BytesIO(content))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"a sparse matrix is none; {AGAIN}") from error


def _check_boosting(state: Any, name: str) -> None:
    """The trees of gradient boosting stand in a column per output."""
    if not isinstance(state, Mapping):
        return
    trees, columns = state.get("estimators_"), state.get("n_trees_per_iteration_")
    if isinstance(trees, _numpy.NdArrayNode) and trees.type == "json" and columns is not None:
        shape = _plain(trees.shape)
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != columns:
            msg = f"{name} has trees in the shape {shape} for {columns} outputs; {AGAIN}"
            raise InvalidInput(msg)
    _check_prior(state.get("init_"), columns, name)


def _check_prior(init: Any, columns: Any, name: str) -> None:
    """What boosting starts from has a share per class: scikit-learn writes one for each."""
    inner = _plain(init.attrs) if isinstance(init, _general.ObjectNode) else None
    shares = inner.get("class_prior_") if isinstance(inner, Mapping) else None
    if isinstance(shares, np.ndarray) and isinstance(columns, int):
        classes = max(2, columns)
        if shares.shape != (classes,):
            msg = f"{name} starts from shares of {shares.shape} classes, and there are {classes}"
            raise InvalidInput(f"{msg}; {AGAIN}")


def _check_space_tree(state: Any, name: str) -> None:
    sklearn_states.check_space_tree(state, name)
    distance = state[11]
    if isinstance(distance, _general.ObjectNode):
        columns = state[0].shape[1]
        sklearn_states.check_distance(_plain(distance.attrs), _name(distance), columns)


def _check_xgboost(state: Any, _: str) -> None:
    raw = state.get("handle") if isinstance(state, Mapping) else None
    if isinstance(raw, (bytes, bytearray)):
        document = xgboost.decoded(bytes(raw))
        whole = isinstance(document, Mapping) and "Model" in document
        xgboost.check_document(document["Model"] if whole else document)


def _check_lightgbm(state: Any, _: str) -> None:
    text = state.get("_handle", state.get("handle")) if isinstance(state, Mapping) else None
    if isinstance(text, str):
        lightgbm.check(text.encode())


def _of_mapping(check_state: Callable[[Mapping[str, Any]], None]) -> Callable[[Any, str], None]:
    def checked(state: Any, _: str) -> None:
        if isinstance(state, Mapping):
            check_state(state)

    return checked


_BY_CLASS: dict[str, Callable[[Any, str], None]] = {
    **{
        f".{kind}{bits}": _check_space_tree
        for kind in ("KDTree", "BallTree")
        for bits in ("", "32", "64")
    },
    ".BSpline": lambda state, _: sklearn_states.check_spline(state),
    ".PPoly": lambda state, _: sklearn_states.check_pieces(state),
    "xgboost.core.Booster": _check_xgboost,
    "lightgbm.basic.Booster": _check_lightgbm,
    **{
        f"sklearn.svm._classes.{kind}": _of_mapping(sklearn_estimators.check_support_vectors)
        for kind in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")
    },
    **{f".{kind}": _of_mapping(sklearn_estimators.check_text_reader) for kind in _VECTORISERS},
    **{
        f"sklearn.cluster.{kind}": _of_mapping(sklearn_estimators.check_centres)
        for kind in (
            "_kmeans.KMeans",
            "_kmeans.MiniBatchKMeans",
            "_bisect_k_means.BisectingKMeans",
        )
    },
    "sklearn.ensemble._gb.GradientBoostingClassifier": _check_boosting,
    "sklearn.ensemble._gb.GradientBoostingRegressor": _check_boosting,
}
"""What to look at, by the end of the name of a class."""


def _handed_on(node: Any, owned: int | None) -> int | None:
    """How many columns what stands in a node is given, where that is known."""
    if not isinstance(node, _general.ObjectNode):
        return owned
    if not _name(node).startswith(_PASSING):
        return None
    state = node.attrs
    known = state.content.get("n_features_in_") if isinstance(state, _general.DictNode) else None
    columns = _plain(known)
    if isinstance(columns, np.generic) and columns.dtype.kind in "iu":
        columns = int(columns)
    if not isinstance(columns, int):
        return owned
    return columns if owned is None else min(owned, columns)


def _plain(node: Any) -> Any:
    """What a node stands for: numbers, texts, arrays, matrices, tuples, mappings; else the node."""
    if isinstance(node, _audit.CachedNode):
        node = node.cached
    if isinstance(node, _general.JsonNode):
        return node.construct()
    if isinstance(node, _general.BytesNode):
        return node.content.getvalue()
    if isinstance(node, _general.DictNode):
        return {key: _plain(value) for key, value in node.content.items()}
    if isinstance(node, _general.TupleNode):
        return tuple(_plain(value) for value in node.content)
    if isinstance(node, _numpy.NdArrayNode) and node.type == "numpy":
        array = array_of(node.buffer.getvalue(), "an array")
        return array if _name(node) == "numpy.ndarray" else array[()]
    return _sparse(node) if isinstance(node, _scipy.SparseMatrixNode) else node


def _name(node: Any) -> str:
    return f"{node.module_name}.{node.class_name}"
