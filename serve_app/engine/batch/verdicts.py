"""Which rows of a block fit the schema, each by itself.

A request is refused as a whole; a job leaves out the row that is to blame. Whole blocks are held
against the schema first; only where one breaks it, its rows are, so that each has the verdict
that it would have as a request of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from serve_app.batch.bad_rows import Broken, of_violations
from serve_app.core.columns import Columns, concatenate
from serve_app.core.messages import RawColumns
from serve_app.core.schema import Schema
from serve_app.core.waiting import kind_of
from serve_app.errors import InvalidInput

_FEW_ROWS = 64


class Valid(NamedTuple):
    """Rows that fit, by their places in the block, and their columns as the schema made them."""

    places: Sequence[int]
    columns: Columns


class Verdicts(NamedTuple):
    """The rows that fit, in parts that can be computed together, and what others break."""

    valid: list[Valid]
    broken: dict[int, tuple[Broken, ...]]


def verdicts(schema: Schema, raw: RawColumns, rows: int) -> Verdicts:
    """The verdict on each row of a block."""
    if not rows:
        return Verdicts([], {})
    try:
        return Verdicts([Valid(range(rows), schema.validate(raw, rows)[0])], {})
    except InvalidInput:
        pass
    parts: list[Valid] = []
    broken: dict[int, tuple[Broken, ...]] = {}
    for start in range(0, rows, _FEW_ROWS):
        _few(schema, raw, range(start, min(start + _FEW_ROWS, rows)), parts, broken)
    return Verdicts(_joined(parts), broken)


def _few(
    schema: Schema,
    raw: RawColumns,
    places: range,
    parts: list[Valid],
    broken: dict[int, tuple[Broken, ...]],
) -> None:
    some = {name: values[places.start : places.stop] for name, values in raw.items()}
    try:
        parts.append(Valid(places, schema.validate(some, len(places))[0]))
    except InvalidInput as error:
        if len(places) == 1:
            broken[places.start] = of_violations(error.details.get("violations", ()))
            return
        for place in places:
            _few(schema, raw, range(place, place + 1), parts, broken)


def _joined(parts: list[Valid]) -> list[Valid]:
    """Parts one after the other that are of the same types, as one."""
    groups: list[list[Valid]] = []
    for part in parts:
        if groups and kind_of(groups[-1][0].columns) == kind_of(part.columns):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [
        Valid(
            [place for part in group for place in part.places],
            concatenate([part.columns for part in group]),
        )
        for group in groups
    ]
