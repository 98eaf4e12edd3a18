"""Attributes of scikit-learn's estimators that native code indexes without looking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import AGAIN


def check_support_vectors(state: Mapping[str, Any]) -> None:
    """A support vector machine of libsvm's: its arrays are of one size.

    Raises:
        InvalidInput: they are not.
    """
    keys = ("support_vectors_", "_dual_coef_", "_n_support", "support_")
    arrays: list[Any] = [state.get(key) for key in keys]
    if not all(isinstance(one, np.ndarray) for one in arrays):
        return
    vectors, factors, counts, support = arrays
    rows = len(vectors)
    wide = vectors.ndim == 2 and factors.ndim == 2 and counts.ndim == 1 and len(counts) >= 1
    if not wide or len(support) != rows or factors.shape[1] != rows:
        raise InvalidInput(f"its {rows} support vectors do not go with their weights; {AGAIN}")
    classes = "classes_" in state
    if (counts < 0).any() or (classes and int(counts.sum()) != rows):
        raise InvalidInput(f"its classes do not share out its {rows} support vectors; {AGAIN}")
    if classes and len(factors) != len(counts) - 1:
        raise InvalidInput(f"its weights are not those of {len(counts)} classes; {AGAIN}")
    pairs = len(counts) * (len(counts) - 1) // 2 if classes else 1
    for key in ("_intercept_", "_probA", "_probB"):
        if isinstance(state.get(key), np.ndarray) and len(state[key]) not in {0, pairs}:
            raise InvalidInput(f"its {key} has {len(state[key])} of {pairs} entries; {AGAIN}")
    owned = state.get("n_features_in_")
    if isinstance(owned, int) and vectors.shape[1] != owned:
        msg = f"its support vectors have {vectors.shape[1]} of {owned} features; {AGAIN}"
        raise InvalidInput(msg)


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
