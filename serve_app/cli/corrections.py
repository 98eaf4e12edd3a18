"""Corrections of inferred columns, out of a JSON file: `{"age": {"maximum": 120}}`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from serve_app.errors import InvalidInput

_ALLOWED = ("categories", "dtype", "maximum", "minimum", "nullable")


def corrected(inferred: tuple[Any, ...], schema: str | None) -> tuple[Any, ...]:
    """The inferred columns with the corrections of a file, if one is named.

    Raises:
        InvalidInput: it holds no such corrections; names the column and the key.
    """
    if schema is None:
        return inferred
    columns = {column.name: column for column in inferred}
    for name, changes in _read(schema).items():
        if name not in columns:
            known = ", ".join(map(repr, columns))
            raise InvalidInput(f"{schema}: there is no column {name!r}; the data has {known}")
        where = f"{schema}: column {name!r}"
        _check(where, changes, columns[name])
        if "categories" in changes:
            changes = {**changes, "categories": tuple(changes["categories"])}  # noqa: PLW2901
        columns[name] = replace(columns[name], **changes)
        low, high = columns[name].minimum, columns[name].maximum
        if low is not None and high is not None and low > high:
            msg = f"{where}: the minimum {low} is above the maximum {high}"
            raise InvalidInput(msg)
    return tuple(columns.values())


def _read(schema: str) -> dict[str, Any]:
    try:
        body = json.loads(Path(schema).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"--schema: {schema} is no JSON ({error})") from None
    if not isinstance(body, dict):
        msg = f'--schema: {schema} holds no mapping; write {{"age": {{"maximum": 120}}}}'
        raise InvalidInput(msg)
    return body


def _check(where: str, changes: Any, column: Any) -> None:
    """Refuse what no column can be, by its key.

    Raises:
        InvalidInput: names the key, and what stands there.
    """
    if not isinstance(changes, dict):
        msg = f'{where}: {changes!r} is no correction; write {{"maximum": 120}}'
        raise InvalidInput(msg)
    unknown = [key for key in changes if key not in _ALLOWED]
    if unknown:
        msg = f"{where}: there is no key {unknown[0]!r}; known are {', '.join(_ALLOWED)}"
        raise InvalidInput(msg)
    bounds = [key for key in ("minimum", "maximum") if key in changes]
    if bounds and not column.is_numeric:
        msg = f"{where} holds {column.dtype}, which has no bounds"
        raise InvalidInput(msg)
    for key in bounds:
        if not _is_number(changes[key]):
            raise InvalidInput(f"{where}: {key}: {changes[key]!r} is no number")
    if not isinstance(changes.get("nullable", False), bool):
        raise InvalidInput(f"{where}: nullable: {changes['nullable']!r} is neither true nor false")
    if not isinstance(changes.get("categories", []), list):
        raise InvalidInput(f"{where}: categories: {changes['categories']!r} is no list")
    from serve_app.core.signature import DTYPES

    if changes.get("dtype", column.dtype) not in DTYPES:
        msg = f"{where}: dtype: {changes['dtype']!r} is none of {', '.join(DTYPES)}"
        raise InvalidInput(msg)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
