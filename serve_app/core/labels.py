"""Class labels as arrays that predictions take from by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array, of_objects


def label_array(labels: Sequence[Any]) -> Array:
    """The labels of the classes 0, 1, 2, … as one array.

    Text stands in it as objects, as models give it; of mixed labels numpy would make text.
    """
    kinds = {type(label) for label in labels}
    if kinds <= {bool} or kinds <= {int} or kinds <= {float}:
        return np.asarray(labels)
    return of_objects(labels)


def in_json(label: Any) -> str:
    """A class as it is written in JSON, where that differs from Python."""
    if isinstance(label, bool):
        return "true" if label else "false"
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)
