"""In what an estimator takes its rows: found by asking it about rows of its own data.

What it was fitted on decides, and nothing says what that was: a Pipeline that reads columns by
name wants a frame, one that begins with words wants its column alone, and an estimator that was
fitted on a matrix complains about names.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Columns
from serve_app.core.signature import Container
from serve_app.errors import InvalidInput
from serve_app.models.feature_names import knows_names
from serve_app.models.frames import Framer, matrix
from serve_app.models.several import dense

PROBED_ROWS = 200


@dataclass(frozen=True, slots=True)
class RowContainer:
    """In what an estimator takes its rows, and whether only their order says which is which."""

    container: Container
    by_position: bool


@dataclass(frozen=True, slots=True)
class _Tried:
    container: Container
    answer: Any
    complained: bool


def handed(frame: pd.DataFrame, container: Container) -> Any:
    """The rows of a frame in what an estimator takes them."""
    if container == "array":
        return frame.to_numpy()
    if container == "frame":
        return frame
    column = frame.iloc[:, 0]
    return column if container == "series" else column.tolist()


def handing(container: Container, framer: Framer) -> Callable[[Columns], Any]:
    """What makes of columns that in which an estimator takes its rows."""
    if container == "array":
        return matrix
    if container == "frame":
        return framer.frame
    if container == "series":
        return lambda columns: framer.frame(columns).iloc[:, 0]
    return lambda columns: framer.frame(columns).iloc[:, 0].tolist()


def container_of(estimator: Any) -> Container:
    """In what an estimator takes its rows, for a version whose signature does not say it."""
    return "frame" if hasattr(estimator, "feature_names_in_") else "array"


def find(
    estimator: Any,
    ask: Callable[[Any], Any],
    frame: pd.DataFrame,
    fit: Callable[[Any], float] | None = None,
) -> RowContainer:
    """In what `ask` (a method of the estimator's) takes the rows of a frame.

    `fit` says how well an answer agrees with the truth, where that is known: more is better. It
    decides where two ways work and give different answers.

    Raises:
        InvalidInput: none works, or each gives another number of answers than there are rows.
    """
    probe = _probe(frame)
    tried, refusals = _tried(ask, probe)
    if not tried:
        raise refusals[0]
    knows = knows_names(estimator, frame)
    best = _best(tried, frame, knows=knows, fit=fit)
    container = best.container
    if container in {"series", "list"} or frame.shape[1] < 2 or knows:
        return RowContainer(container, by_position=False)
    return RowContainer(container, by_position=not _goes_by_name(ask, probe, best))


def _probe(frame: pd.DataFrame) -> pd.DataFrame:
    """Some rows: not as many as there are columns, since a wrong way could then hide."""
    rows = min(len(frame), PROBED_ROWS)
    if rows > 2 and rows != frame.shape[1]:
        return frame.iloc[:rows]
    return frame.take([number % rows for number in range(rows + 3)]) if rows else frame


def _ways(frame: pd.DataFrame) -> Sequence[Container]:
    return ("frame", "array", "series", "list") if frame.shape[1] == 1 else ("frame", "array")


def _tried(
    ask: Callable[[Any], Any], probe: pd.DataFrame
) -> tuple[list[_Tried], list[InvalidInput]]:
    tried: list[_Tried] = []
    refusals: list[InvalidInput] = []
    for container in _ways(probe):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                answer = ask(handed(probe, container))
            except Exception as error:  # noqa: BLE001 - whatever it raises, this way does not work
                refusals.append(refused(error))
                continue
        count = answer.shape[0] if hasattr(answer, "shape") else len(answer)
        if count != len(probe):
            refusals.append(_miscounted(count, len(probe)))
            continue
        complained = any("feature names" in str(one.message) for one in caught)
        tried.append(_Tried(container, answer, complained))
    return tried, refusals


def _best(
    tried: Sequence[_Tried],
    frame: pd.DataFrame,
    *,
    knows: bool,
    fit: Callable[[Any], float] | None,
) -> _Tried:
    content = [one for one in tried if not one.complained] or list(tried)
    first = content[0]
    others = [one for one in content[1:] if not _same(first.answer, one.answer)]
    if others and fit is not None:
        return max([first, *others], key=lambda one: fit(one.answer))
    array = next((one for one in content if one.container == "array"), None)
    if array is None or others or knows or not _plain_numbers(frame):
        return first
    # The same answers by the shorter way.
    return array


def _plain_numbers(frame: pd.DataFrame) -> bool:
    return all(isinstance(d, np.dtype) and d.kind in "fiu" for d in frame.dtypes)


def _goes_by_name(ask: Callable[[Any], Any], probe: pd.DataFrame, best: _Tried) -> bool:
    """Whether it answers alike when the columns of its frame come in another order."""
    if best.container != "frame":
        return False
    turned = probe.iloc[:, ::-1]
    with warnings.catch_warnings(action="ignore"):
        try:
            return _same(best.answer, ask(turned))
        except Exception:  # noqa: BLE001 - it needs its order
            return False


def _same(one: Any, other: Any) -> bool:
    first, second = dense(one), dense(other)
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "fiub" and second.dtype.kind in "fiub":
        return bool(np.allclose(first, second, rtol=1e-9, atol=0, equal_nan=True))
    same: bool = first.astype(str).tolist() == second.astype(str).tolist()
    return same


def refused(error: Exception) -> InvalidInput:
    """The error that says that an estimator does not answer rows of its own data."""
    if isinstance(error, InvalidInput):
        return error
    reason = str(error).partition("\n")[0]
    msg = (
        f"the model does not answer the rows that were given with it ({type(error).__name__}: "
        f"{reason}); give the data that it was trained on, with columns of the same types"
    )
    made = InvalidInput(msg)
    made.__cause__ = error
    return made


def _miscounted(count: int, rows: int) -> InvalidInput:
    msg = (
        f"the model gives {count} answers for {rows} rows; a model that is served gives one "
        "answer for each row"
    )
    return InvalidInput(msg)
