"""Decimals: what a column of exact fractions, such as amounts of money, takes of a request."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,76}(?:\.[0-9]{0,76})?|\.[0-9]{1,76})(?:[eE][+-]?[0-9]{1,3})?"
)
EXPECTED = 'a number, or one in a string such as "12.50"'


def decimal(value: Any) -> Decimal | None:
    """The decimal that a number is, or that a string spells; none of anything else.

    A double stands for the shortest decimal that it is read from: 0.1 is 0.1.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    text = repr(value) if isinstance(value, (int, float)) else value
    if not isinstance(text, str):
        return None
    text = text.strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None
