"""Finds the key that a request sticks to."""

from __future__ import annotations

from typing import Any

from serve_app.core.messages import MISSING, Request
from serve_app.errors import InvalidInput

_HEADER = "header:"


def find(request: Request, name: str) -> str | None:
    """The value of the key as text, or none when the request has none.

    Looked for in the body's other values, then in the headers (`patient_id` also as
    `patient-id` and `x-patient-id`), then in a column of the rows. `header:x-user-id`
    looks for that header alone. 1 and "1" are the same key.

    Raises:
        InvalidInput: the value is a list or an object, or the rows hold several.
    """
    if name.startswith(_HEADER):
        return request.headers.get(name.removeprefix(_HEADER).strip().lower()) or None
    keys = request.payload.keys
    if name in keys:
        return _text(keys[name], name)
    dashed = name.lower().replace("_", "-")
    for header in (name.lower(), dashed, f"x-{dashed}"):
        if request.headers.get(header):
            return request.headers[header]
    column = request.payload.columns.get(name)
    return None if column is None else _of_rows(column, name)


def _of_rows(column: Any, name: str) -> str | None:
    values = {_text(value, name) for value in column}
    if len(values) > 1:
        msg = (
            f"a request holds one {name!r}, but its rows have {len(values)}; "
            "send the rows of each in a request of their own"
        )
        raise InvalidInput(msg, key=name)
    return values.pop() if values else None


def _text(value: Any, name: str) -> str | None:
    if value is None or value is MISSING or value == "":
        return None
    if isinstance(value, list | dict):
        msg = f"the key {name!r} must be text or a number, got a {type(value).__name__}"
        raise InvalidInput(msg, key=name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
