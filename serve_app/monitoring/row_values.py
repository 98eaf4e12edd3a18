"""What of the rows of requests is told beside their features: keys, and segments."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.core.columns import Columns
from serve_app.core.messages import MISSING
from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.segments import segment_text
from serve_app.routing.keys import key_text

Values = Mapping[str, Sequence[Any]]
"""The values of one request's rows, by name."""


def keys_of(
    name: str | None, values: Sequence[Values], row_counts: Sequence[int]
) -> list[str | None] | None:
    """The keys by which feedback finds the rows of some requests, None where there is no name."""
    if name is None:
        return None
    return [_key(value, name) for value in _joined(name, values, row_counts)]


def segments_of(
    names: tuple[str, ...],
    columns: Columns | None,
    values: Sequence[Values],
    row_counts: Sequence[int],
) -> list[str] | None:
    """The values by which results are told apart, as a JSON object per row; None without names."""
    if not names:
        return None
    given: list[list[str | None]] = []
    for name in names:
        if columns is not None and name in columns:
            listed = columns[name].tolist()
        else:
            listed = _joined(name, values, row_counts)
        given.append([None if _is_no_segment(value) else segment_text(value) for value in listed])
    written: dict[tuple[str | None, ...], str] = {}
    for row in zip(*given, strict=True):
        if row not in written:
            known = {n: v for n, v in zip(names, row, strict=True) if v is not None}
            written[row] = json.dumps(known)
    return [written[row] for row in zip(*given, strict=True)]


def _joined(name: str, values: Sequence[Values], row_counts: Sequence[int]) -> list[Any]:
    """A value for each row of all requests, None where one had none."""
    joined: list[Any] = []
    for of_request, rows in zip(values, row_counts, strict=True):
        joined.extend(of_request.get(name, [None] * rows))
    return joined


def _key(value: Any, name: str) -> str | None:
    try:
        return key_text(value, name)
    except (InvalidInput, ValueError):
        # Python does not write whole numbers of thousands of digits.
        return None


def _is_no_segment(value: Any) -> bool:
    """Whether a value says nothing that rows could be told apart by."""
    missing = value is None or value is MISSING or (isinstance(value, float) and math.isnan(value))
    return missing or isinstance(value, list | dict)
