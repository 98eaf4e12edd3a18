"""JSON schemas of the values of one column."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serve_app.core import times
from serve_app.core.cells import expectation
from serve_app.core.policy import Policy
from serve_app.core.signature import Column

JSON = dict[str, Any]


def cell(column: Column, policy: Policy, *, numbers_as_text: bool = False) -> JSON:
    """The value of one column; rules that only warn are told in words.

    `numbers_as_text` is for what has decimals as text alone.
    """
    if column.shape:
        return _nested({"type": json_type(column)}, column.shape)
    kind = json_type(column)
    nullable = policy.null(column) != "refuse"
    kinds = [
        kind,
        *(["number"] if column.dtype == "decimal" and not numbers_as_text else []),
        *(["null"] * nullable),
    ]
    schema: JSON = {"type": kinds if len(kinds) > 1 else kind}
    about = column_format(column)
    if about is not None:
        schema["format"] = about
    words = _in_words(column)
    if column.categories is not None:
        if policy.category == "refuse":
            schema["enum"] = [*column.categories, *([None] if nullable else [])]
        else:
            words.append("Known values: " + ", ".join(str(value) for value in column.categories))
    if kind in {"number", "integer"}:
        for bound, value in (("minimum", column.minimum), ("maximum", column.maximum)):
            if value is not None and policy.range == "refuse":
                schema[bound] = value
            elif value is not None:
                words.append(f"{bound.capitalize()} in training: {value:.15g}")
    if words:
        schema["description"] = ". ".join(words) + "."
    return schema


def _nested(value: JSON, shape: tuple[int | None, ...]) -> JSON:
    """Lists in lists, of the sizes of a tensor."""
    for size in reversed(shape):
        value = {"type": "array", "items": value}
        if size is not None:
            value |= {"minItems": size, "maxItems": size}
    return value


def column_format(column: Column) -> str | None:
    """The format of a column's values, by JSON Schema's names or those of OpenAPI's registry."""
    if column.dtype == times.DATE:
        return "date"
    if column.is_datetime:
        # RFC 3339 knows no date-time without an offset.
        return "date-time-local" if column.zone is None else "date-time"
    if column.dtype in {"bool", "string"}:
        return None
    return {"float64": "double", "float32": "float"}.get(column.dtype, column.dtype)


def made_up(column: Column) -> Any:
    """A value that could be sent where nobody knows one of training."""
    if column.categories:
        return column.categories[0]
    if column.shape:
        value = made_up(replace(column, shape=()))
        for size in reversed(column.shape):
            value = [value] * (size or 1)
        return value
    kind = json_type(column)
    if kind == "boolean":
        return False
    if kind == "string":
        return _made_up_text(column)
    value = column.minimum if column.minimum is not None else column.maximum
    return int(value or 0) if kind == "integer" else float(value or 0)


def _made_up_text(column: Column) -> str:
    if column.is_datetime:
        day = column.dtype == times.DATE
        return "2024-05-01" + ("" if day else "T12:00:00") + ("" if column.zone is None else "Z")
    return "12.50" if column.dtype == "decimal" else "text"


def _in_words(column: Column) -> list[str]:
    if column.is_datetime or column.dtype == "decimal":
        words = expectation(column)
        return [words[0].upper() + words[1:]]
    return []


def json_type(column: Column) -> str:
    """The type of a column's values that are no gaps; decimals may be numbers too."""
    if not column.is_numeric:
        return "string"
    if column.dtype in {"float32", "float64"}:
        return "number"
    return "boolean" if column.dtype == "bool" else "integer"
