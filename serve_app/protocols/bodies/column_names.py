"""Names of columns as clients write them: numbers too, and others where a model knows none."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from serve_app.core.messages import RawColumns
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding
from serve_app.protocols.dialect import Call

_MAX_MORE = 100
_PUNCTUATION = re.compile(r"[\W_]+")
_ORDINAL = re.compile(r"0|[1-9]\d{0,8}")


def checked(names: Any, key: str, call: Call) -> list[str]:
    """The names of columns that stood under `key`; whole numbers are their digits.

    pandas calls the columns of a frame without names 0, 1, 2, and its JSON has them as numbers.

    Raises:
        BadEncoding: they are no list of names, very many more than columns, or one stands twice.
    """
    if not isinstance(names, list):
        msg = f"{key!r} must be a list of names, got {value_text(names)}"
        raise BadEncoding(msg, key=key)
    if len(names) > len(call.names) + _MAX_MORE:
        msg = f"{key!r} has {len(names)} names, but this endpoint takes {len(call.names)} columns"
        raise BadEncoding(msg, key=key)
    for place, name in enumerate(names):
        if type(name) not in {str, int}:
            msg = f"{key!r}[{place}] must be a name or a whole number, got {value_text(name)}"
            raise BadEncoding(msg, key=key, position=place)
    texts = [name if isinstance(name, str) else str(name) for name in names]
    if len(set(texts)) < len(texts):
        raise BadEncoding(f"{key!r} names a column twice", key=key)
    return texts


def bound(names: Sequence[str], call: Call) -> Sequence[str]:
    """The endpoint's columns in place of names that its models never knew.

    Where only the order of columns counts, others of the same number are taken in their order,
    and 0, 1, 2 for their places: not where one is the endpoint's, or is written like it, for
    then they may stand elsewhere.
    """
    if not call.knows_no_names or len(names) != len(call.names):
        return names
    if folded(names) & folded(call.names):
        return names
    return [call.names[int(name)] for name in names] if are_places(names) else call.names


def placed(columns: RawColumns, call: Call) -> RawColumns:
    """Columns called 0, 1, 2 as those of the endpoint in these places, as `bound` takes them.

    Objects have no order, so that other names in them say nothing of places.
    """
    if not call.knows_no_names or len(columns) != len(call.names):
        return columns
    if not are_places(columns) or not columns.keys().isdisjoint(call.names):
        return columns
    return {call.names[int(name)]: values for name, values in columns.items()}


def are_places(names: Collection[str]) -> bool:
    """Whether names are 0, 1, 2, in any order: places rather than names."""
    numbers = {int(name) for name in names if _ORDINAL.fullmatch(name)}
    return numbers == set(range(len(names)))


def folded(names: Collection[str]) -> set[str]:
    """Names without case and punctuation, in which people write the same name differently."""
    return {_PUNCTUATION.sub("", name).casefold() for name in names} - {""}
