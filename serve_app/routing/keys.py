"""Finds the key that a request sticks to, as text.

One user has one key however a client writes it: 1, 1.0 and "1" are "1", true and "true" are
"true". Null, "" and NaN are no key. Text is taken as it is: "01" and "1" differ.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.core.messages import MISSING, Request
from serve_app.errors import ConfigError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER = "header:"


def check(name: str) -> None:
    """Refuse the name of a key that nothing can be found under.

    Raises:
        ConfigError: there is no name, or none after `header:`.
    """
    if not name.removeprefix(_HEADER).strip():
        raise ConfigError(
            f"the route's key is {name!r}, which names nothing; write the name of a field, such "
            "as patient_id, or of a header, such as header:x-user-id"
        )


def find(request: Request, name: str) -> str | None:
    """The value of the key as text, or none when the request has none.

    Looked for in the body's other values, then in the headers (`patient_id` also as
    `patient-id` and `x-patient-id`), then in a column of the rows. `header:x-user-id`
    looks for that header alone.

    Raises:
        InvalidInput: the value is a list or an object, or the rows hold several.
    """
    if name.startswith(_HEADER):
        return in_headers(request, name)
    value = key_text(request.payload.keys.get(name), name) or in_headers(request, name)
    if value is not None:
        return value
    column = request.payload.columns.get(name)
    return None if column is None else _of_rows(column, name)


def in_headers(request: Request, name: str) -> str | None:
    """The value of a key that stands in a header, under its name or one that is like it."""
    if name.startswith(_HEADER):
        return request.headers.get(name.removeprefix(_HEADER).strip().lower()) or None
    dashed = name.lower().replace("_", "-")
    for header in (name.lower(), dashed, f"x-{dashed}"):
        value = request.headers.get(header)
        if value:
            return value
    return None


def _of_rows(column: Iterable[Any], name: str) -> str | None:
    values = {key_text(value, name) for value in column}
    if len(values) > 1:
        msg = (
            f"a request holds one {name!r}, but its rows have {len(values)}; "
            "send rows of different ids in requests of their own"
        )
        raise InvalidInput(msg, key=name)
    return values.pop() if values else None


def key_text(value: Any, name: str) -> str | None:
    """A value as the text of a key, none where it is no key.

    Raises:
        InvalidInput: it is a list or an object.
    """
    if isinstance(value, str):
        return str(value) or None
    if value is None or value is MISSING:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _of_float(value)
    if isinstance(value, int):
        return str(value)
    msg = f"the key {name!r} must be text or a number, got a {type(value).__name__}"
    raise InvalidInput(msg, key=name)


def _of_float(value: float) -> str | None:
    if value.is_integer():
        return str(int(value))
    return None if math.isnan(value) else str(value)
