"""Large JSON, read piece by piece.

A reader in C holds Python's lock until it is done: a third of a second for 8 MB of empty lists,
in which no other thread gets a turn, the event loop neither. Here NumPy, which lets go of the
lock, finds where lists and objects begin, end and have their commas; they are cut at commas into
pieces that take the reader a few milliseconds each. What is no JSON as a whole is none in one of
its pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from serve_app.core.columns import Array
from serve_app.errors import TooLarge

LARGE_BYTES = 256 * 1024
PIECE_BYTES = 64 * 1024
MAX_CONTAINERS = 250_000
"""Of lists and objects; a row has one, a cell in a list of its own another."""
MAX_NAMES = 100_000
"""Of one object."""
MAX_DEPTH = 1024
"""That of orjson, for the body as a whole."""
MAX_LEVELS = 16
"""How deep a list or object of more than a piece may lie in others."""
_BLOCK_BYTES = 256 * 1024
_SPACE = b" \t\n\r"
_QUOTE, _BACKSLASH, _COMMA, _COLON = b'"\\,:'
_OPENING, _CLOSING = b"[{", b"]}"
_STRUCTURE = np.zeros(256, dtype=np.bool_)
_STRUCTURE[list(b",:[]{}")] = True
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(_OPENING)] = 1
_STEPS[list(_CLOSING)] = -1

Load = Callable[[bytes], Any]
"""Reads a piece. Raises orjson.JSONDecodeError, with the position in the piece."""


def parse(body: bytes, load: Load) -> Any:
    """The value that a body holds, as `load` reads it.

    Raises:
        orjson.JSONDecodeError: it is no JSON; says where in the body.
        TooLarge: it has very many lists and objects, or one with very many names.
    """
    return _Reader(body, load).value(0, len(body), 0)


class _Reader:
    """A body with its structure: where commas, colons and brackets stand, and how deep."""

    def __init__(self, body: bytes, load: Load) -> None:
        self._body = body
        self._load = load
        text = np.frombuffer(body, dtype=np.uint8)
        self._at, self._signs, steps = _structure(text)
        self._depths = np.cumsum(steps, dtype=np.int32)
        deep = self._depths > MAX_DEPTH
        if deep.any():
            raise self._broken("recursion limit exceeded", int(self._at[deep.argmax()]))
        if int((steps > 0).sum()) > MAX_CONTAINERS:
            msg = f"the body holds more than {MAX_CONTAINERS} lists and objects; split it"
            raise TooLarge(msg, max_containers=MAX_CONTAINERS)

    def value(self, start: int, stop: int, level: int) -> Any:
        """The value between two positions."""
        if stop - start <= PIECE_BYTES:
            return self._piece(start, stop, b"", b"")
        first, last = _place(self._at, start), _place(self._at, stop)
        opening = int(self._at[first]) if first < last else stop
        if self._body[start:opening].strip(_SPACE) or opening == stop:
            # A long text or number, or nothing that JSON knows.
            return self._piece(start, stop, b"", b"")
        closing = int(self._at[last - 1])
        kind = _OPENING.find(self._body[opening])
        if kind < 0 or self._body[closing] != _CLOSING[kind] or closing == opening:
            raise self._broken("unexpected character", opening)
        if self._depths[last - 1] != self._depths[first] - 1:
            raise self._broken("brackets do not match", closing)
        if self._body[closing + 1 : stop].strip(_SPACE):
            raise self._broken("unexpected content after the value", closing + 1)
        if level == MAX_LEVELS:
            raise self._broken("recursion limit exceeded", opening)
        if not self._body[opening + 1 : closing].strip(_SPACE):
            return {} if kind else []
        commas = self._commas(slice(first + 1, last - 1), int(self._depths[first]))
        read = self._object if kind else self._list
        return read(opening + 1, closing, commas, level)

    def _commas(self, inner: slice, depth: int) -> Array:
        here = (self._signs[inner] == _COMMA) & (self._depths[inner] == depth)
        commas: Array = np.compress(here, self._at[inner])
        return commas

    def _list(self, start: int, stop: int, commas: Array, level: int) -> list[Any]:
        items: list[Any] = []
        for begin, end, alone in _pieces(start, stop, commas):
            if alone:
                items.append(self.value(begin, end, level + 1))
            else:
                items.extend(self._piece(begin, end, b"[", b"]"))
        return items

    def _object(self, start: int, stop: int, commas: Array, level: int) -> dict[str, Any]:
        if len(commas) >= MAX_NAMES:
            msg = f"an object of the body has more than {MAX_NAMES} names; send rows as lists"
            raise TooLarge(msg, max_names=MAX_NAMES)
        members: dict[str, Any] = {}
        for begin, end, alone in _pieces(start, stop, commas):
            if alone:
                name, value = self._name(begin, end)
                members[name] = self.value(value, end, level + 1)
            else:
                members.update(self._piece(begin, end, b"{", b"}"))
        return members

    def _name(self, start: int, stop: int) -> tuple[str, int]:
        """The name of a member, and where its value begins."""
        first = _place(self._at, start)
        if first == len(self._at) or self._signs[first] != _COLON or self._at[first] >= stop:
            raise self._broken("expected ':'", start)
        colon = int(self._at[first])
        (name,) = self._piece(start, colon, b"[", b"]")
        if not isinstance(name, str):
            raise self._broken("a name must be a string", start)
        return name, colon + 1

    def _piece(self, start: int, stop: int, before: bytes, behind: bytes) -> Any:
        piece = self._body[start:stop]
        if before and not piece.strip(_SPACE):
            raise self._broken("unexpected comma or closing bracket", start)
        try:
            return self._load(before + piece + behind)
        except orjson.JSONDecodeError as error:
            position = start + max(0, error.pos - len(before))
            raise self._broken(error.msg, position) from error

    def _broken(self, what: str, position: int) -> orjson.JSONDecodeError:
        text = self._body[:position].decode(errors="replace")
        return orjson.JSONDecodeError(what, text, len(text))


def _structure(text: Array) -> tuple[Array, Array, Array]:
    """Where commas, colons and brackets stand that are no part of a string.

    With what stands there, and how much deeper it leads.
    """
    outside = ~_in_strings(text)
    places, signs = [], []
    # In blocks, since NumPy does not let go of the lock for all of this.
    for start in range(0, max(1, len(text)), _BLOCK_BYTES):
        block = text[start : start + _BLOCK_BYTES]
        at = np.flatnonzero(_STRUCTURE[block] & outside[start : start + _BLOCK_BYTES])
        places.append((at + start).astype(np.int32))
        signs.append(block[at])
    steps = [_STEPS[each] for each in signs]
    return np.concatenate(places), np.concatenate(signs), np.concatenate(steps)


def _in_strings(text: Array) -> Array:
    """Which bytes stand in a string, its closing quote left out."""
    quotes: Array = text == _QUOTE
    backslashes = np.flatnonzero(text == _BACKSLASH)
    if len(backslashes):
        # Of a run of backslashes each second one escapes what follows.
        starts = np.flatnonzero(np.diff(backslashes, prepend=-2) != 1)
        ends = np.append(starts[1:], len(backslashes))
        behind = backslashes[ends - 1] + 1
        odd = behind[((ends - starts) % 2 == 1) & (behind < len(text))]
        quotes[odd] = False
    within = quotes.view(np.uint8)
    carried = np.uint8(0)
    # In blocks too: NumPy holds the lock while it adds up.
    for start in range(0, len(text), _BLOCK_BYTES):
        block = within[start : start + _BLOCK_BYTES]
        block[0] ^= carried
        np.bitwise_xor.accumulate(block, out=block)
        carried = block[-1]
    return quotes


def _place(positions: Array, position: int) -> int:
    """How many of some positions are lower; of their own type, since NumPy would copy them all."""
    return int(positions.searchsorted(positions.dtype.type(position)))


def _pieces(start: int, stop: int, commas: Array) -> list[tuple[int, int, bool]]:
    """Where to cut between two positions: begin, end, and whether it is one large member."""
    pieces: list[tuple[int, int, bool]] = []
    begin = start
    while begin <= stop:
        if stop - begin <= PIECE_BYTES:
            end = stop
        else:
            # The last comma within reach, or else the next one.
            place = _place(commas, begin + PIECE_BYTES + 1)
            if place and commas[place - 1] >= begin:
                place -= 1
            end = int(commas[place]) if place < len(commas) else stop
        pieces.append((begin, end, end - begin > PIECE_BYTES))
        begin = end + 1
    return pieces
