"""Whether a file of Universal Binary JSON is whole, before XGBoost reads it.

XGBoost's own reader trusts the lengths in a file: one that was cut off may end the process.
"""

from __future__ import annotations

from serve_app.errors import InvalidInput

_WIDTH = {
    "i": 1,
    "U": 1,
    "I": 2,
    "l": 4,
    "L": 8,
    "d": 4,
    "D": 8,
    "C": 1,
    "Z": 0,
    "T": 0,
    "F": 0,
    "N": 0,
}
_INTEGERS = frozenset("iUIlL")
_DEEPEST = 64


def check_whole(content: bytes) -> None:
    """Walk through all of a document.

    Raises:
        InvalidInput: it breaks off, or is something else.
    """
    if content[:1] != b"{":
        raise InvalidInput("it does not begin as XGBoost's .ubj files do")
    _Walk(content).through()


class _Walk:
    """One pass over a document: every length is held against what is left."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 1
        # What is open: `{`, `[`, or how many values an array still has.
        self._open: list[str | int] = ["{"]

    def through(self) -> None:
        """Go from the first byte to the end of the document."""
        while self._open:
            inner = self._open[-1]
            if self._ends(inner):
                self._open.pop()
                continue
            if isinstance(inner, int):
                self._open[-1] = inner - 1
            elif inner == "{":
                self._skip(self._integer())
            self._value(self._marker())

    def _ends(self, inner: str | int) -> bool:
        if isinstance(inner, int):
            return inner == 0
        ends = self._peek() == ("}" if inner == "{" else "]")
        self._at += ends
        return ends

    def _value(self, marker: str) -> None:
        if marker in _WIDTH:
            self._skip(_WIDTH[marker])
        elif marker in "SH":
            self._skip(self._integer())
        elif marker == "[" and self._peek() in "$#":
            self._counted()
        elif marker in "[{":
            self._enter(marker)
        else:
            raise self._broken()

    def _counted(self) -> None:
        """An array that says how many values it has, and perhaps of which type."""
        kind = None
        if self._peek() == "$":
            self._at += 1
            kind = self._marker()
        if self._marker() != "#":
            raise self._broken()
        count = self._integer()
        if kind is None:
            self._enter(count)
        elif kind in _WIDTH:
            self._skip(count * _WIDTH[kind])
        else:
            raise self._broken()

    def _enter(self, inner: str | int) -> None:
        self._open.append(inner)
        if len(self._open) > _DEEPEST:
            raise self._broken()

    def _integer(self) -> int:
        marker = self._marker()
        if marker not in _INTEGERS:
            raise self._broken()
        start = self._at
        self._skip(_WIDTH[marker])
        signed = marker != "U"
        number = int.from_bytes(self._content[start : self._at], "big", signed=signed)
        if number < 0:
            raise self._broken()
        return number

    def _peek(self) -> str:
        if self._at >= len(self._content):
            raise self._broken()
        return chr(self._content[self._at])

    def _marker(self) -> str:
        marker = self._peek()
        self._at += 1
        return marker

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > len(self._content):
            raise self._broken()

    def _broken(self) -> InvalidInput:
        at = min(self._at, len(self._content))
        return InvalidInput(
            f"it breaks off or is damaged at byte {at} of {len(self._content)}; save it again"
        )
