"""Attributes of scikit-learn's estimators that native code indexes without looking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import AGAIN


def check_support_vectors(state: Mapping[str, Any]) -> None:
    """A support vector machine of libsvm's, dense or sparse: its arrays are of one size.

    Raises:
        InvalidInput: they are not.
    """
    keys = ("support_vectors_", "_dual_coef_", "_n_support", "support_", "_intercept_")
    arrays: list[Any] = [state.get(key) for key in keys]
    if any(one is None for one in arrays):
        return
    dimensions = tuple(len(getattr(one, "shape", ())) for one in arrays)
    if dimensions != (2, 2, 1, 1, 1) or not len(arrays[2]):
        raise InvalidInput(f"its support vectors and weights are no arrays of a machine; {AGAIN}")
    vectors, factors, counts, support, _ = arrays
    by_row = state.get("kernel") == "precomputed"
    rows = len(support) if by_row else vectors.shape[0]
    if len(support) != rows or factors.shape[1] != rows:
        raise InvalidInput(f"its {rows} support vectors do not go with their weights; {AGAIN}")
    classes, alone = len(counts), "classes_" not in state
    if (counts < 0).any() or (classes != 2 if alone else int(counts.sum()) != rows):
        raise InvalidInput(f"its classes do not share out its {rows} support vectors; {AGAIN}")
    # Of a sparse matrix the size is how many entries it holds: libsvm takes them for all.
    if factors.shape[0] != classes - 1 or factors.size != (classes - 1) * rows:
        raise InvalidInput(f"its weights are not those of {classes} classes; {AGAIN}")
    _check_pairs(state, classes * (classes - 1) // 2)
    owned = state.get("n_features_in_")
    if by_row:
        # Kernels that are computed elsewhere have a column per row of the training.
        if rows and (not isinstance(owned, int) or support.min() < 0 or support.max() >= owned):
            raise InvalidInput(f"it names support vectors that there are not; {AGAIN}")
    elif isinstance(owned, int) and vectors.shape[1] != owned:
        msg = f"its support vectors have {vectors.shape[1]} of {owned} features; {AGAIN}"
        raise InvalidInput(msg)


def _check_pairs(state: Mapping[str, Any], pairs: int) -> None:
    """Each pair of classes has an intercept, and where there are probabilities their factors."""
    for key, allowed in (("_intercept_", {pairs}), ("_probA", {0, pairs}), ("_probB", {0, pairs})):
        numbers = state.get(key)
        if isinstance(numbers, np.ndarray) and numbers.size not in allowed:
            raise InvalidInput(f"its {key} has {numbers.size} of {pairs} entries; {AGAIN}")
    shapes = {np.shape(state.get(key, ())) for key in ("_probA", "_probB")}
    if len(shapes) > 1:
        raise InvalidInput(f"its _probA and _probB are not of one size; {AGAIN}")


def check_centres(state: Mapping[str, Any]) -> None:
    """K-means: its centres have the features that rows have.

    Raises:
        InvalidInput: they have others.
    """
    centres, owned = state.get("cluster_centers_"), state.get("n_features_in_")
    if not isinstance(centres, np.ndarray) or not isinstance(owned, int):
        return
    if centres.ndim != 2 or centres.shape[1] != owned:
        raise InvalidInput(f"its centres have the shape {centres.shape}; {AGAIN}")


def check_neighbours(state: Mapping[str, Any]) -> None:
    """An estimator by nearest neighbours: its points have the features that rows have.

    Raises:
        InvalidInput: they have others, there is not a target of each, or its distance is of
            other features.
    """
    points, owned = state.get("_fit_X"), state.get("n_features_in_")
    if points is None:
        return
    shape: tuple[int, ...] = getattr(points, "shape", ())
    if len(shape) != 2 or not isinstance(owned, int) or shape[1] != owned:
        raise InvalidInput(f"its points have the shape {shape} for {owned} features; {AGAIN}")
    targets = state.get("_y")
    if targets is not None and getattr(targets, "shape", ())[:1] != shape[:1]:
        raise InvalidInput(f"it has not one target for each of {shape[0]} points; {AGAIN}")
    names = state.get("classes_")
    if isinstance(names, np.ndarray) and isinstance(targets, np.ndarray) and targets.size:
        of_classes = targets.dtype.kind in "iu" and 0 <= targets.min() <= targets.max()
        if not of_classes or targets.max() >= len(names):
            raise InvalidInput(f"its points are of classes that there are not; {AGAIN}")
    wanted = {"V": (owned,), "w": (owned,), "VI": (owned, owned)}
    for key in ("metric_params", "effective_metric_params_"):
        parameters = state.get(key)
        for name, one in (parameters if isinstance(parameters, Mapping) else {}).items():
            if name in wanted and np.shape(one) != wanted[name]:
                raise InvalidInput(f"its {name} has the shape {np.shape(one)}; {AGAIN}")


@dataclass(frozen=True, slots=True)
class Encoded:
    """One column of a one-hot encoder: its categories, their groups, what is left out."""

    categories: int
    outputs: Any
    groups: Any
    dropped: Any


def check_one_hot(columns: Iterable[Encoded]) -> None:
    """A one-hot encoder: each category's place lies within what the column becomes.

    scikit-learn makes a sparse matrix of the places without a look, and SciPy reads at them.

    Raises:
        InvalidInput: a place lies elsewhere; says of which column.
    """
    for number, column in enumerate(columns):
        groups, width = column.groups, column.categories
        fits = isinstance(column.outputs, int) and not isinstance(column.outputs, bool)
        if groups is not None:
            fits = fits and isinstance(groups, np.ndarray) and groups.dtype.kind in "iu"
            fits = fits and groups.shape == (width,) and width > 0 and int(groups.min()) >= 0
            width = int(groups.max()) + 1 if fits else 0
        if column.dropped is not None:
            fits = fits and isinstance(column.dropped, (int, np.integer))
            fits = fits and 0 <= int(column.dropped) < width
            width -= 1
        if not fits or width > column.outputs:
            msg = f"its column {number} has places for {column.outputs} of its categories"
            raise InvalidInput(f"{msg}; {AGAIN}")


def check_text_reader(state: Mapping[str, Any]) -> None:
    """A vectoriser of texts: it reads the texts, and no files that they name.

    Raises:
        InvalidInput: it reads files, so that a request could name any of the server's.
    """
    reads = state.get("input", "content")
    if reads != "content":
        msg = (
            f"it reads files by name (input={reads!r}), so that requests could name files of the "
            'server; fit it with input="content"'
        )
        raise InvalidInput(msg)
