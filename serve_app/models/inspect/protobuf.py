"""Reads the wire format of Protocol Buffers, field by field, without any schema compiled in.

The format: https://protobuf.dev/programming-guides/encoding. Long lists of numbers are decoded
all at once, since graphs of trees hold hundreds of thousands of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 10
# Tags of the lists of an attribute that are long and not packed: its numbers, and fractions.
_INTS, _FLOATS = 8 << 3 | _VARINT, 7 << 3 | _FIXED32
_RUNS = frozenset({_INTS, _FLOATS})
# What nodes of trees do, as a list of texts: one for each node.
_MODES = (
    b"LEAF BRANCH_LEQ BRANCH_LT BRANCH_GTE BRANCH_GT BRANCH_EQ BRANCH_NEQ BRANCH_MEMBER".split()
)
_MODE = re.compile(b"|".join(bytes([9 << 3 | 2, len(one)]) + one for one in _MODES))
_MODES_RUN = re.compile(b"(?:" + _MODE.pattern + b")+")


class Field(NamedTuple):
    """A field: its number, and what it holds (a number, or bytes)."""

    number: int
    value: int | memoryview


class Message:
    """A message as bytes."""

    def __init__(self, content: memoryview) -> None:
        self._content = content

    def fields(self) -> Iterator[Field]:
        """All fields, in their order; of packed or repeated numbers, see `integers`.

        Raises:
            InvalidInput: the message breaks off or is none.
        """
        at, end = 0, len(self._content)
        while at < end:
            tag, at = self._varint(at)
            if tag & 7 == _VARINT:
                value, at = self._varint(at)
                yield Field(tag >> 3, value)
            else:
                begin, at = self._passed(tag & 7, at)
                yield Field(tag >> 3, self._content[begin:at])

    def parts(self, numbers: frozenset[int]) -> Iterator[tuple[int, memoryview]]:
        """The fields of these numbers that hold bytes; all others are passed over quickly.

        Raises:
            InvalidInput: the message breaks off or is none.
        """
        content, at = self._content, 0
        while at < len(content):
            if content[at] in _RUNS:
                at = _past(content, at)
                continue
            if 9 not in numbers and (modes := _MODES_RUN.match(content, at)):
                at = modes.end()
                continue
            tag, at = self._varint(at)
            begin, at = self._passed(tag & 7, at)
            if tag & 7 == _BYTES and tag >> 3 in numbers:
                yield tag >> 3, content[begin:at]

    def texts(self) -> list[bytes]:
        """The texts of an attribute that is a list of them; raises InvalidInput."""
        start = next(
            (
                at
                for at in range(min(64, len(self._content)))
                if _MODES_RUN.match(self._content, at)
            ),
            None,
        )
        if start is not None:
            run = _MODES_RUN.match(self._content, start)
            others = next(Message(self._content[:start]).parts(frozenset({9})), None)
            if run is not None and others is None:
                rest = [v for _, v in Message(self._content[run.end() :]).parts(frozenset({9}))]
                return [one[2:] for one in _MODE.findall(run[0])] + list(map(bytes, rest))
        return [bytes(value) for _, value in self.parts(frozenset({9}))]

    def first(self, number: int) -> str:
        """The text under a field; empty where there is none. Raises InvalidInput."""
        runs = next(self.parts(frozenset({number})), None)
        return "" if runs is None else bytes(runs[1]).decode("utf-8", "replace")

    def integers(self, number: int) -> Array:
        """The whole numbers under a field, packed or not, int64.

        Raises:
            InvalidInput: the message breaks off or is none.
        """
        tag, runs, at = number << 3 | _VARINT, [np.empty(0, np.int64)], 0
        content = self._content
        while at < len(content):
            if content[at] == tag:
                run, at = _run(content, at, tag)
                runs.append(run)
                continue
            read, at = self._varint(at)
            begin, at = self._passed(read & 7, at)
            if read == (number << 3 | _BYTES):
                runs.append(packed(content[begin:at]))
        return np.concatenate(runs)

    def fractions(self, number: int) -> Array:
        """The numbers of 32 bits under a field, packed or not, float32.

        Raises:
            InvalidInput: the message breaks off or is none.
        """
        tag, runs, at = number << 3 | _FIXED32, [np.empty(0, "<f4")], 0
        content = self._content
        while at < len(content):
            if content[at] == tag and tag == _FLOATS:
                end = _past(content, at)
                each = np.frombuffer(content[at:end], np.uint8).reshape(-1, 5)
                runs.append(np.ascontiguousarray(each[:, 1:]).view("<f4")[:, 0])
                at = end
                continue
            read, at = self._varint(at)
            begin, at = self._passed(read & 7, at)
            if read == tag or read == (number << 3 | _BYTES):
                runs.append(_fixed(content[begin:at], "<f4"))
        return np.concatenate(runs)

    def doubles(self, number: int) -> Array:
        """The numbers of 64 bits under a field, packed or not, float64; raises InvalidInput."""
        wanted = {number << 3 | _BYTES, number << 3 | _FIXED64}
        runs, at = [np.empty(0, "<f8")], 0
        while at < len(self._content):
            read, at = self._varint(at)
            begin, at = self._passed(read & 7, at)
            if read in wanted:
                runs.append(_fixed(self._content[begin:at], "<f8"))
        return np.concatenate(runs)

    def _passed(self, kind: int, at: int) -> tuple[int, int]:
        """Where the value of a field begins and ends."""
        if kind == _VARINT:
            return at, self._varint(at)[1]
        size = {_FIXED32: 4, _FIXED64: 8}.get(kind)
        if kind == _BYTES:
            size, at = self._varint(at)
        if size is None or size > len(self._content) - at:
            raise _broken(at)
        return at, at + size

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        for place in range(at, min(at + _LONGEST, len(self._content))):
            byte = self._content[place]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (2**64 - 1), place + 1
            shift += 7
        raise _broken(at)


def _past(content: memoryview, at: int) -> int:
    """Where a list of numbers or fractions ends."""
    if content[at] == _INTS:
        return _run(content, at, _INTS)[1]
    count = (len(content) - at) // 5
    tags = np.frombuffer(content[at : at + 5 * count], np.uint8)[::5]
    fine = tags == _FLOATS
    run = count if fine.all() else int(np.argmin(fine))
    if run == 0:
        raise _broken(at)
    return at + 5 * run


def _run(content: memoryview, at: int, tag: int) -> tuple[Array, int]:
    """The numbers of fields that stand one after the other with the same tag of one byte."""
    data = np.frombuffer(content[at:], np.uint8)
    ends = np.flatnonzero(data < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    pairs = len(ends) // 2
    firsts = starts[0 : 2 * pairs : 2]
    fine = (data[firsts] == tag) & (ends[0 : 2 * pairs : 2] == firsts)
    count = pairs if fine.all() else int(np.argmin(fine))
    if count == 0:
        raise _broken(at)
    stop = int(ends[2 * count - 1]) + 1
    return _decoded(data, starts[1 : 2 * count : 2], ends[1 : 2 * count : 2]), at + stop


def _fixed(content: memoryview, dtype: str) -> Array:
    if len(content) % np.dtype(dtype).itemsize:
        raise _broken(len(content))
    return np.frombuffer(content, dtype)


def packed(content: memoryview) -> Array:
    """The whole numbers of a packed list, int64.

    Raises:
        InvalidInput: it breaks off in a number, or one is longer than there are.
    """
    data = np.frombuffer(content, np.uint8)
    if len(data) == 0:
        return np.empty(0, np.int64)
    ends = np.flatnonzero(data < 0x80)
    if len(ends) == 0 or ends[-1] != len(data) - 1:
        raise _broken(len(data))
    return _decoded(data, np.concatenate([[0], ends[:-1] + 1]), ends)


def _decoded(data: Array, starts: Array, ends: Array) -> Array:
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST:
        raise _broken(int(starts[int(np.argmax(lengths))]))
    values = np.zeros(len(ends), np.uint64)
    for place in range(int(lengths.max())):
        longer = lengths > place
        digits = (data[starts[longer] + place] & 0x7F).astype(np.uint64)
        values[longer] |= digits << np.uint64(7 * place)
    return values.astype(np.int64)


def signed(value: int) -> int:
    """A number as int64 has it."""
    return value - 2**64 if value >= 2**63 else value


def _broken(at: int) -> InvalidInput:
    return InvalidInput(
        f"it is no ONNX model, or breaks off, near byte {at} of a part; store the model again"
    )
