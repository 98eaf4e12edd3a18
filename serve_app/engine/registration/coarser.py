"""A compiled model with coarser numbers, when that costs no more than is tolerated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.core.ports import Model
from serve_app.core.signature import Signature
from serve_app.errors import InvalidInput
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import FILE as COMPILED
from serve_app.models.compiled.model import load_compiled
from serve_app.models.frames import to_columns
from serve_app.models.quantise import Precision, is_coarse, quantised, score
from serve_app.registry.manifest import Compiled, Quantised

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Coarser:
    """A wish for a quantised version, and how much of the metric it may cost at most.

    `frame` and `target` are rows that the model is judged by, best such that it never saw.
    """

    precision: Precision
    frame: pd.DataFrame
    target: Any
    tolerance: float = 0.005


def coarsened(
    files: Mapping[str, bytes], compiled: Compiled | None, wish: Coarser, signature: Signature
) -> tuple[dict[str, bytes], Compiled, Model]:
    """The quantised form alone, when it stays within the tolerance.

    Raises:
        InvalidInput: there is nothing to quantise, or it costs more than is tolerated.
    """
    if compiled is None or COMPILED not in files or signature.output.kind == "transform":
        msg = "what is quantised must be a predictor that can be compiled"
        raise InvalidInput(msg)
    program = storage.load(files[COMPILED])
    coarse = quantised(program, wish.precision)
    if not is_coarse(coarse):
        msg = f"nothing in the compiled model becomes smaller as {wish.precision}"
        raise InvalidInput(msg)
    content = storage.dump(coarse)
    frame = wish.frame.loc[:, _labels(wish.frame, signature)]
    columns, target = to_columns(frame), np.asarray(wish.target)
    model = load_compiled(content, signature)
    kind = signature.output.kind
    labels = dict(enumerate(signature.output.labels))
    if kind == "classification" and not set(target.tolist()) <= set(signature.output.labels):
        target = np.array([labels.get(value, value) for value in target.tolist()], dtype=object)
    exact = load_compiled(files[COMPILED], signature)
    metric, before = score(exact, columns, target, kind)
    _, after = score(model, columns, target, kind)
    sizes = len(files[COMPILED]), len(content)
    if before - after > wish.tolerance:
        msg = (
            f"as {wish.precision} the {metric} falls from {before:.4f} to {after:.4f}, by more "
            f"than the tolerance {wish.tolerance:g}; nothing was registered "
            f"({sizes[0]:,} bytes would have become {sizes[1]:,})"
        )
        raise InvalidInput(msg, before=before, after=after)
    trade = Quantised(
        precision=wish.precision,
        metric=metric,
        before=before,
        after=after,
        size_before=sizes[0],
        size_after=sizes[1],
    )
    return {COMPILED: content}, compiled.model_copy(update={"quantised": trade}), model


def _labels(frame: pd.DataFrame, signature: Signature) -> list[Any]:
    """What a frame calls the columns of a signature, in its order.

    Raises:
        InvalidInput: it lacks one.
    """
    known = {str(name): name for name in frame.columns}
    lacking = [name for name in signature.names if name not in known]
    if lacking:
        msg = f"the rows that judge the quantised version lack the column {lacking[0]!r}"
        raise InvalidInput(msg, columns=lacking)
    return [known[name] for name in signature.names]
