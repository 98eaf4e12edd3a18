"""Labels as text, so that those of models, of JSON and of tables can be compared."""

from __future__ import annotations

import numpy as np


def label_text(label: object) -> str:
    """A label as text: 1, 1.0 and "1" are the same one, and so are True and "true"."""
    value = label.item() if isinstance(label, np.generic) else label
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
