"""What models say of raw scores: the numbers by which they decide, before any link function."""

from __future__ import annotations

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.signature import Output
from serve_app.errors import InvalidInput


def none_of(what: str) -> InvalidInput:
    """The error when a model without raw scores is asked for them."""
    msg = (
        f"{what} has no raw scores; linear models, support vector machines and boosted trees "
        "have some, others give predictions and probabilities alone"
    )
    return InvalidInput(msg)


def not_compiled() -> InvalidInput:
    """The error when a compiled version is asked for raw scores that it does not have."""
    msg = (
        "this version has no raw scores: its model has none, or it was compiled without them; "
        "then register it anew, or with --no-compile"
    )
    return InvalidInput(msg)


def of_no_rows(output: Output) -> Array:
    """The raw scores of no rows."""
    width = output.scores_width
    return np.empty((0, width) if width > 1 else 0)
