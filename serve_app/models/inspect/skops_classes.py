"""Objects in files of skops whose class has native code that trusts their state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from skops.io import _general, _numpy

from serve_app.errors import InvalidInput
from serve_app.models.inspect import lightgbm, sklearn_estimators, sklearn_states, xgboost
from serve_app.models.inspect.forest import AGAIN
from serve_app.models.inspect.skops_nodes import name_of, plain

_NEIGHBOURS = (
    "KNeighborsClassifier", "KNeighborsRegressor", "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor", "NearestNeighbors", "LocalOutlierFactor",
)  # fmt: skip
_VECTORISERS = ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")


def check_object(name: str, node: Any) -> None:
    """Look at an object of a class, by its whole name. Raises InvalidInput."""
    checks = [check for ending, check in _BY_CLASS.items() if name.endswith(ending)]
    if not checks:
        return
    state = plain(node.attrs) if node.attrs is not None else None
    for check_state in checks:
        try:
            check_state(state, name)
        except InvalidInput as error:
            raise InvalidInput(f"its {name.rpartition('.')[2]}: {error.message}") from error


def _check_boosting(state: Any, name: str) -> None:
    """The trees of gradient boosting stand in a column per output."""
    if not isinstance(state, Mapping):
        return
    trees, columns = state.get("estimators_"), state.get("n_trees_per_iteration_")
    if isinstance(trees, _numpy.NdArrayNode) and trees.type == "json" and columns is not None:
        shape = plain(trees.shape)
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != columns:
            msg = f"{name} has trees in the shape {shape} for {columns} outputs; {AGAIN}"
            raise InvalidInput(msg)
    _check_prior(state.get("init_"), columns, name)


def _check_histogram(state: Mapping[str, Any]) -> None:
    """Each column has a mark whether it is of categories, and trees split marked ones alone so.

    scikit-learn finds the sets of known categories by these marks, without a look at how many.
    """
    mapper, columns = state.get("_bin_mapper"), state.get("n_features_in_")
    inner = plain(mapper.attrs) if isinstance(mapper, _general.ObjectNode) else None
    if not isinstance(inner, Mapping):
        return
    marks: Any = inner.get("is_categorical_")
    fits = isinstance(marks, np.ndarray) and marks.dtype.kind in "bui"
    if not fits or marks.shape != (columns,):
        raise InvalidInput(f"it does not mark which of its {columns} columns are what; {AGAIN}")
    for iteration in _listed(state.get("_predictors")) or []:
        for tree in _listed(iteration) or []:
            parts = plain(tree.attrs) if isinstance(tree, _general.ObjectNode) else None
            nodes = parts.get("nodes") if isinstance(parts, Mapping) else None
            if isinstance(nodes, np.ndarray):
                sklearn_states.check_categorical(nodes, marks)


def _check_prior(init: Any, columns: Any, name: str) -> None:
    """What boosting starts from has a share per class: scikit-learn writes one for each."""
    inner = plain(init.attrs) if isinstance(init, _general.ObjectNode) else None
    shares = inner.get("class_prior_") if isinstance(inner, Mapping) else None
    if isinstance(shares, np.ndarray) and isinstance(columns, int):
        classes = max(2, columns)
        if shares.shape != (classes,):
            msg = f"{name} starts from shares of {shares.shape} classes, and there are {classes}"
            raise InvalidInput(f"{msg}; {AGAIN}")


def _check_bisecting(state: Mapping[str, Any]) -> None:
    """Clusters that were parted have centres too, of which each row's two are compared."""
    sklearn_estimators.check_centres(state)
    waiting, seen = [state.get("_bisecting_tree")], set()
    while waiting:
        node = waiting.pop()
        inner = plain(node.attrs) if isinstance(node, _general.ObjectNode) else None
        if not isinstance(inner, Mapping) or id(node) in seen:
            continue
        seen.add(id(node))
        centre: Any = {"cluster_centers_": np.atleast_2d(inner.get("center", 0.0))}
        sklearn_estimators.check_centres({**state, **centre})
        waiting += [inner.get("left"), inner.get("right")]


def _check_one_hot(state: Mapping[str, Any]) -> None:
    if "categories_" not in state:
        return  # One that is fitted elsewhere: a transformer of columns keeps it beside the copy.
    categories = _listed(state.get("categories_"))
    outputs = _listed(state.get("_n_features_outs"))
    if categories is None or outputs is None or len(categories) != len(outputs):
        raise InvalidInput(f"its categories do not go with its columns; {AGAIN}")
    by_column = [
        _listed(state.get(key)) or [None] * len(categories)
        for key in ("_default_to_infrequent_mappings", "_drop_idx_after_grouping")
    ]
    if any(len(one) != len(categories) for one in by_column):
        raise InvalidInput(f"its groups do not go with its columns; {AGAIN}")
    columns = zip(map(_length, categories), outputs, *by_column, strict=True)
    sklearn_estimators.check_one_hot(sklearn_estimators.Encoded(*one) for one in columns)


def _listed(node: Any) -> list[Any] | None:
    """What stands in a list, or in an array of objects; None where a node is neither."""
    node = plain(node)
    if isinstance(node, np.ndarray):
        return list(node)
    parts = getattr(node, "children", {})
    content = parts.get("content") if isinstance(parts, Mapping) else None
    return [plain(one) for one in content] if isinstance(content, list) else None


def _length(value: Any) -> int:
    """How many entries an array has, of numbers or of objects."""
    listed = _listed(value)
    return -1 if listed is None else len(listed)


def _check_space_tree(state: Any, name: str) -> None:
    sklearn_states.check_space_tree(state, name)
    distance = state[11]
    if isinstance(distance, _general.ObjectNode):
        columns = state[0].shape[1]
        sklearn_states.check_distance(plain(distance.attrs), name_of(distance), columns)


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
    **{f".{kind}": _of_mapping(sklearn_estimators.check_neighbours) for kind in _NEIGHBOURS},
    **{
        f"sklearn.cluster.{kind}": _of_mapping(sklearn_estimators.check_centres)
        for kind in ("_kmeans.KMeans", "_kmeans.MiniBatchKMeans")
    },
    "sklearn.cluster._bisect_k_means.BisectingKMeans": _of_mapping(_check_bisecting),
    **{
        f"sklearn.ensemble._hist_gradient_boosting.gradient_boosting.{kind}": _of_mapping(
            _check_histogram
        )
        for kind in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
    },
    "sklearn.preprocessing._encoders.OneHotEncoder": _of_mapping(_check_one_hot),
    "sklearn.ensemble._gb.GradientBoostingClassifier": _check_boosting,
    "sklearn.ensemble._gb.GradientBoostingRegressor": _check_boosting,
}
"""What to look at, by the end of the name of a class."""
