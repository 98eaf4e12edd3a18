"""Operations as one file of arrays and JSON, which holds no code."""

from __future__ import annotations

import io
import json
import math
from dataclasses import fields
from importlib import import_module
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import ArtifactRejected
from serve_app.models.compiled.operation import KINDS, Operation
from serve_app.models.inspect.archive import check_npz
from serve_app.models.library_errors import reason

_MODULES = (
    "arithmetic", "boosters", "categories", "classes", "clusters", "curves", "curves_back",
    "distances", "ensembles", "functions", "gaps", "kernels", "model", "neighbours", "oblivious",
    "shapes", "texts", "trees", "walk",
)  # fmt: skip
_LAYOUT = "layout"


def dump(operation: Operation) -> bytes:
    """Write an operation down; the same bytes for the same operation."""
    arrays: list[Array] = []
    layout = json.dumps(_layout_of(operation, arrays)).encode()
    buffer = io.BytesIO()
    named = {f"a{number}": array for number, array in enumerate(arrays)}
    np.savez_compressed(
        buffer, allow_pickle=False, **{_LAYOUT: np.frombuffer(layout, np.uint8)}, **named
    )
    return buffer.getvalue()


def load(content: bytes) -> Operation:
    """Read what `dump` wrote.

    Raises:
        ArtifactRejected: it is damaged, or of a later version of this package.
    """
    for module in _MODULES:
        import_module(f"{__package__}.{module}")
    try:
        # Constant columns of our own compress as well as any bomb does.
        check_npz(content, max_ratio=math.inf)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            layout = json.loads(file[_LAYOUT].tobytes())
            built = _built(layout, file)
    except Exception as error:
        msg = f"the compiled form cannot be loaded ({reason(error)})"
        raise ArtifactRejected(msg) from error
    if not isinstance(built, Operation):
        raise ArtifactRejected("the compiled form holds no operation")
    return built


def _layout_of(value: Any, arrays: list[Array]) -> Any:
    if isinstance(value, Operation):
        inner = {f.name: _layout_of(getattr(value, f.name), arrays) for f in fields(value)}
        return {"operation": value.stored_as, "fields": inner}
    if isinstance(value, np.ndarray):
        arrays.append(value)
        # Which way it lies in memory decides in which order BLAS adds.
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic):
        return _layout_of(value.item(), arrays)
    if isinstance(value, tuple):
        return [_layout_of(inner, arrays) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    msg = f"a {type(value).__name__} cannot be a part of a compiled model"
    raise TypeError(msg)


def _built(value: Any, file: Any) -> Any:
    if isinstance(value, list):
        return tuple(_built(inner, file) for inner in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return file[f"a{value['array']}"]
    kind = KINDS[value["operation"]]
    return kind(**{name: _built(inner, file) for name, inner in value["fields"].items()})
