"""Lengths of time as people write them: 30s, 15m, 12h, 90d or 2w."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from serve_app.core.lengths import UNITS_S

_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")


def length_s(value: Any) -> Any:
    """Seconds of a length of time such as 30s, 15m, 12h, 90d or 2w.

    Raises:
        ValueError: it is a text of another form.
    """
    if not isinstance(value, str):
        raise ValueError("write a length of time with its unit: 30s, 15m, 12h, 90d or 2w")  # noqa: TRY004 - pydantic reports ValueError only
    length = _LENGTH.fullmatch(value)
    if length is None:
        msg = f"{value!r} is no length of time; write 30s, 15m, 12h, 90d or 2w"
        raise ValueError(msg)
    return float(length[1]) * UNITS_S[length[2]]


def _written(seconds: float) -> str:
    return f"{seconds}s"


LengthSeconds = Annotated[
    float, BeforeValidator(length_s), PlainSerializer(_written, when_used="json")
]
"""Seconds, which are written with their unit."""
