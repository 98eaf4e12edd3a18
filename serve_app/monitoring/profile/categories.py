"""Columns of text: the most frequent names, the rarer ones, and what was never seen."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Array
from serve_app.monitoring.profile.feature import Feature

LISTED = 128
RARER = 256
LONGEST = 40
_KEPT = 24


def key(text: str) -> str:
    """The name that a text is counted by: itself, or its beginning and CRC-32.

    The latter where it is long, or holds characters that cannot be shown.
    """
    if len(text) <= LONGEST and text.isprintable():
        return text
    start = "".join(letter if letter.isprintable() else "?" for letter in text[:_KEPT])
    return f"{start}…{_crc(text):08x}"


def category_feature(
    name: str, array: Array, rows: int, names: Sequence[str] | None = None
) -> Feature:
    """What a reference says of a column of text.

    `names` are all that there can be, where that is known. Where hardly a value comes twice, as
    in names of people or free text, none is listed; what is missing is counted still.
    """
    values = _values(array, rows)
    texts, missing, foreign = _counted(values)
    if names is not None:
        texts = {**{key(one): 0 for one in names}, **texts}
    ranked = sorted(texts.items(), key=lambda item: (-item[1], item[0]))
    total = sum(texts.values())
    listed, rest = ranked[:LISTED], ranked[LISTED:]
    covered = sum(count for _, count in listed)
    note = f"the {LISTED} most frequent of {len(ranked):,} values are listed" if rest else None
    if rest and names is None and (2 * len(ranked) > total or 10 * covered < total):
        listed, rest = [], ranked
        note = f"its {len(ranked):,} values hardly come twice: none of them is listed"
    closed = len(rest) <= RARER
    return Feature(
        name,
        str(array.dtype),
        "categories",
        (*(count for _, count in listed), sum(count for _, count in rest), foreign),
        missing,
        categories=tuple(text for text, _ in listed),
        others=tuple(sorted({_crc(text) for text, _ in rest})) if closed else (),
        closed=closed,
        distinct=len(ranked),
        singletons=sum(count == 1 for _, count in ranked),
        note=note,
    )


class Lookup:
    """Counts texts in the cells of a feature."""

    def __init__(self, feature: Feature) -> None:
        self._places = {name: place for place, name in enumerate(feature.categories)}
        self._others = frozenset(feature.others)
        self._size, self._closed = feature.size, feature.closed
        self._other = len(feature.categories)

    def count(self, array: Array, rows: int) -> NDArray[np.int64]:
        """How many values are in each place of the feature's vector; it raises nothing."""
        vector = [0] * self._size
        values = _values(array, rows)
        try:
            # The quickest way through a column of few names.
            pairs: Iterable[tuple[Any, int]] = Counter(values).items()
        except TypeError:
            pairs = ((value, 1) for value in values)
        places = self._places
        for value, times in pairs:
            place = places.get(value) if type(value) is str else None
            vector[self._place(value) if place is None else place] += times
        return np.array(vector, dtype=np.int64)

    def places(self, array: Array, rows: int) -> NDArray[np.intp]:
        """In which place of the feature's vector each value is counted; it raises nothing."""
        places = self._places
        known = (
            (value, places.get(value) if type(value) is str else None)
            for value in _values(array, rows)
        )
        return np.array(
            [self._place(value) if place is None else place for value, place in known],
            dtype=np.intp,
        )

    def _place(self, value: Any) -> int:
        """The place of a value that is not among the names as it is."""
        if _is_missing(value):
            return self._other + 2
        if not isinstance(value, str):
            return self._other + 1
        name = key(value)
        known = self._places.get(name)
        if known is not None:
            return known
        if not self._closed or _crc(name) in self._others:
            return self._other
        return self._other + 1


def _values(array: Array, rows: int) -> list[Any]:
    """The values of a column; none in every row of what is no column of so many rows."""
    if array.ndim != 1 or len(array) != rows:
        return [None] * rows
    values: list[Any] = array.tolist()
    return values


def _counted(values: Sequence[Any]) -> tuple[dict[str, int], int, int]:
    """How often each name comes, how many values are missing, and how many are no text."""
    raw = Counter(value for value in values if isinstance(value, str))
    texts: dict[str, int] = {}
    for text, times in raw.items():
        texts[key(text)] = texts.get(key(text), 0) + times
    missing = sum(1 for value in values if not isinstance(value, str) and _is_missing(value))
    return texts, missing, len(values) - missing - sum(texts.values())


def _is_missing(value: Any) -> bool:
    """Whether a value is none: None, NaN, NaT, or what pandas has for that."""
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124 - what NaN is known by
    except Exception:  # noqa: BLE001 - pandas.NA refuses to be compared
        return True


def _crc(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
