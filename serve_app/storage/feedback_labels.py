"""Which row of a request a truth is about."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any


def truth_of(truth_json: str | None, row: int, *, whole: bool) -> Any:
    """The truth of a row; none where there is none.

    Of a `whole` request it is a list with a value per row, or the one value of its only row. Of a
    single row it is the value, or a list of it.
    """
    if truth_json is None:
        return None
    truth = _parsed(truth_json)
    if not isinstance(truth, list):
        return truth if row == 0 or not whole else None
    if whole:
        return truth[row] if row < len(truth) else None
    return truth[0] if len(truth) == 1 else truth


@lru_cache(maxsize=16)
def _parsed(truth_json: str) -> Any:
    """A truth; that of a request is read for each of its rows, one after the other."""
    return json.loads(truth_json)


def misfit(truth_json: str | None, rows: int) -> str:
    """Why a truth about a whole request of so many rows is about none of them; "" where it is."""
    if truth_json is None:
        return ""
    truth = json.loads(truth_json)
    values = len(truth) if isinstance(truth, list) else 1
    if values == rows:
        return ""
    return f"its truth has {values} values, and the request had {rows} rows"
