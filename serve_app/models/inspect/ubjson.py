"""Reads Universal Binary JSON: every length is held against what is left of the file.

XGBoost's own reader trusts the lengths in a file: one that was cut off may end the process. The
format: https://ubjson.org (draft 12), as far as XGBoost writes it; numbers are big-endian.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from serve_app.errors import InvalidInput

# NumPy's type of each value that is a number.
_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_WIDTH = {"i": 1, "U": 1, "I": 2, "l": 4, "L": 8, "d": 4, "D": 8}
_CONSTANTS = {"Z": None, "N": None, "T": True, "F": False}
_INTEGERS = frozenset("iUIlL")
_DEEPEST = 64


def decode(content: bytes) -> Any:
    """All of a document: mappings, lists, texts, numbers, and arrays of one type as NumPy's.

    Raises:
        InvalidInput: it breaks off, holds a key twice, or is something else.
    """
    if content[:1] != b"{":
        raise InvalidInput("it does not begin as XGBoost's .ubj files do")
    return _Reader(content).document()


class _Open:
    """A mapping or a list that is being read; `left` values are to come, where it says how many."""

    __slots__ = ("key", "left", "values")

    def __init__(self, values: dict[str, Any] | list[Any], left: int | None = None) -> None:
        self.values = values
        self.left = left
        self.key = ""


class _Reader:
    """One pass over a document."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 1
        self._root: dict[str, Any] = {}
        self._open = [_Open(self._root)]

    def document(self) -> Any:
        """Read from the first byte to the end of the document."""
        while self._open:
            inner = self._open[-1]
            if self._ends(inner):
                self._open.pop()
                continue
            if inner.left is not None:
                inner.left -= 1
            elif isinstance(inner.values, dict):
                inner.key = self._text()
                if inner.key in inner.values:
                    raise self._broken(f"holds {inner.key[:40]!r} twice")
            self._add(inner, self._value(self._marker()))
        if self._at != len(self._content):
            raise self._broken("goes on after its end")
        return self._root

    def _add(self, inner: _Open, value: Any) -> None:
        if isinstance(value, _Open):
            self._open.append(value)
            if len(self._open) > _DEEPEST:
                raise self._broken()
            value = value.values
        if isinstance(inner.values, dict):
            inner.values[inner.key] = value
        else:
            inner.values.append(value)

    def _ends(self, inner: _Open) -> bool:
        if inner.left is not None:
            return inner.left == 0
        ends = self._peek() == ("}" if isinstance(inner.values, dict) else "]")
        self._at += ends
        return ends

    def _value(self, marker: str) -> Any:
        if marker in _NUMBERS:
            return self._numbers(marker, 1)[0].item()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker in "SH":
            return self._text()
        if marker == "C":
            return chr(self._taken(1)[0])
        if marker == "[":
            return self._counted() if self._peek() in "$#" else _Open([])
        if marker == "{":
            return _Open({})
        raise self._broken()

    def _counted(self) -> Any:
        """An array that says how many values it has, and perhaps of which type."""
        kind = None
        if self._peek() == "$":
            self._at += 1
            kind = self._marker()
        if self._marker() != "#":
            raise self._broken()
        count = self._integer()
        if kind is None:
            if count > len(self._content) - self._at:
                raise self._broken()
            return _Open([], count)
        if kind not in _NUMBERS:
            raise self._broken()
        return self._numbers(kind, count)

    def _numbers(self, marker: str, count: int) -> Any:
        return np.frombuffer(self._taken(count * _WIDTH[marker]), _NUMBERS[marker])

    def _integer(self) -> int:
        marker = self._marker()
        if marker not in _INTEGERS:
            raise self._broken()
        number = int.from_bytes(self._taken(_WIDTH[marker]), "big", signed=marker != "U")
        if number < 0:
            raise self._broken()
        return number

    def _text(self) -> str:
        return self._taken(self._integer()).decode("utf-8", "replace")

    def _peek(self) -> str:
        if self._at >= len(self._content):
            raise self._broken()
        return chr(self._content[self._at])

    def _marker(self) -> str:
        marker = self._peek()
        self._at += 1
        return marker

    def _taken(self, count: int) -> bytes:
        start = self._at
        if count > len(self._content) - start:
            self._at = len(self._content)
            raise self._broken()
        self._at = start + count
        return self._content[start : self._at]

    def _broken(self, problem: str = "breaks off or is damaged") -> InvalidInput:
        at = min(self._at, len(self._content))
        return InvalidInput(
            f"it {problem} at byte {at} of {len(self._content)}; store the model again"
        )
