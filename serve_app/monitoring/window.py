"""The counts of one stretch of time, packed into few bytes."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"SAW1"
_DTYPES = ("<u1", "<u2", "<u4", "<i8")
_HEAD = struct.Struct("<4sI")
_CHECK = struct.Struct("<I")


class Series(NamedTuple):
    """What is counted together: a variant of an endpoint, by the cells of one profile.

    `profile` is its digest: counts of another one have other cells.
    """

    endpoint: str
    variant: str
    profile: str


class Key(NamedTuple):
    """A window: a series, and from when on for how long, in whole seconds since 1970."""

    series: Series
    start_s: int
    length_s: int


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A vector of counts in the least bytes per number, or, where most are 0, the others alone.

    `places` say where `values` stand in a vector of so many numbers; without them all are there.
    """

    size: int
    values: NDArray[Any]
    places: NDArray[Any] | None = None

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return self.values.nbytes + (0 if self.places is None else self.places.nbytes)

    def vector(self) -> NDArray[np.int64]:
        """All the numbers; the array is the caller's own."""
        if self.places is None:
            return self.values.astype(np.int64)
        whole = np.zeros(self.size, dtype=np.int64)
        whole[self.places] = self.values
        return whole


def packed(vector: NDArray[np.int64]) -> Packed:
    """A vector of counts that are not negative, packed."""
    values = vector.astype(_narrowest(int(vector.max(initial=0))))
    places = np.flatnonzero(vector).astype(_narrowest(len(vector)))
    if len(places) * (values.itemsize + places.itemsize) < values.nbytes:
        return Packed(len(vector), values[places], places)
    return Packed(len(vector), values)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The counts of a window."""

    key: Key
    counts: Packed

    @property
    def vector(self) -> NDArray[np.int64]:
        """All its numbers; the array is the caller's own."""
        return self.counts.vector()

    def encode(self) -> bytes:
        """The window as bytes that say what they are and whether they are whole."""
        key, counts = self.key, self.counts
        head = {
            "series": list(key.series),
            "start_s": key.start_s,
            "length_s": key.length_s,
            "size": counts.size,
            "count": len(counts.values),
            "values": counts.values.dtype.str.replace("|", "<"),
            "places": None if counts.places is None else counts.places.dtype.str.replace("|", "<"),
        }
        text = json.dumps(head, separators=(",", ":")).encode()
        body = counts.values.tobytes()
        if counts.places is not None:
            body += counts.places.tobytes()
        content = _HEAD.pack(_MAGIC, len(text)) + text + body
        return content + _CHECK.pack(zlib.crc32(content))

    @classmethod
    def decode(cls, content: bytes) -> Window:
        """Read what `encode` wrote.

        Raises:
            ValueError: it is no window, or a byte of it is missing or has changed.
        """
        try:
            return _decoded(bytes(content))
        except (KeyError, TypeError, struct.error) as error:
            msg = f"it is no window of counts: {error!r}"
            raise ValueError(msg) from None


def _decoded(content: bytes) -> Window:
    magic, length = _HEAD.unpack_from(content)
    if magic != _MAGIC:
        msg = "it is no window of counts: it begins otherwise"
        raise ValueError(msg)
    end = len(content) - _CHECK.size
    if zlib.crc32(content[:end]) != _CHECK.unpack_from(content, end)[0]:
        msg = "the window of counts is damaged: its checksum is another"
        raise ValueError(msg)
    start = _HEAD.size + length
    head = json.loads(content[_HEAD.size : start])
    count, size = head["count"], head["size"]
    values = _numbers(content, head["values"], count, start)
    places = None
    if head["places"] is not None:
        places = _numbers(content, head["places"], count, start + values.nbytes)
    key = Key(Series(*head["series"]), head["start_s"], head["length_s"])
    return Window(key, Packed(size, values, places))


def _numbers(content: bytes, dtype: str, count: int, offset: int) -> NDArray[Any]:
    if dtype not in _DTYPES:
        msg = f"it is no window of counts: it holds numbers of the type {dtype!r}"
        raise ValueError(msg)
    return np.frombuffer(content, dtype=dtype, count=count, offset=offset)


def _narrowest(greatest: int) -> str:
    """The least bytes that hold numbers up to the greatest."""
    return next((d for d in _DTYPES if greatest <= np.iinfo(d).max), _DTYPES[-1])
