"""The target of a candidate's rows, before anything is held against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.signature import Signature
from serve_app.engine.registration.candidate import Candidate
from serve_app.errors import InvalidInput

_NAMED_CLASSES = frozenset({"classification"})


def usable(candidate: Candidate, signature: Signature) -> tuple[Candidate, tuple[str, ...]]:
    """The candidate, without a truth that says nothing; and then a warning why not.

    Raises:
        InvalidInput: the target has no value in any row, or not as many as there are rows.
    """
    if candidate.truth is None or signature.output.kind == "transform":
        return candidate, ()
    name = f"the target {candidate.target!r}" if candidate.target else "the target"
    rows = len(candidate.frame)
    if len(candidate.truth) != rows:
        msg = f"{name} has {len(candidate.truth)} values, and the data {rows} rows"
        raise InvalidInput(msg)
    gaps = _gaps(candidate.truth)
    if rows and gaps.all():
        raise InvalidInput(f"{name} has no value in any of the {rows} rows; is it this column?")
    if gaps.any():
        warning = (
            f"not evaluated: {name} has no value in {int(gaps.sum())} of {rows} rows (the first "
            f"is row {int(np.flatnonzero(gaps)[0])}); leave such rows out"
        )
        return replace(candidate, truth=None), (warning,)
    values = np.asarray(candidate.truth)
    if signature.output.kind in _NAMED_CLASSES and rows > 1 and len(pd.unique(values)) == 1:
        warning = (
            f"not evaluated: {name} has the one value {values[0]!s} in all {rows} rows; a "
            "classifier is judged by rows of several classes"
        )
        return replace(candidate, truth=None), (warning,)
    return candidate, ()


def _gaps(truth: Any) -> Any:
    """Which rows lack a value of the target, or of one of several."""
    gaps = np.asarray(pd.isna(truth) if hasattr(truth, "isna") else pd.isna(np.asarray(truth)))
    return gaps.any(axis=1) if gaps.ndim > 1 else gaps
