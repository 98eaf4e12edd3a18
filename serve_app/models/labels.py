"""Class labels as arrays that predictions take from by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array


def label_array(labels: Sequence[Any]) -> Array:
    """The labels of the classes 0, 1, 2, … as one array; text may have any length."""
    return np.array(labels, dtype=object if labels and isinstance(labels[0], str) else None)
