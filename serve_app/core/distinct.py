"""How many different rows there were, in four kilobytes whatever their number.

HyperLogLog (Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal
cardinality estimation algorithm", AofA 2007), read by the estimator of Ertl: "New cardinality
estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, algorithm 6, which needs no
corrections by tables. Its standard error is 1.04/√4096, 1.6 %, and less of few rows.
"""

from __future__ import annotations

import math
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from serve_app.core.cache import row_keys
from serve_app.core.columns import Columns

BITS = 12
REGISTERS = 2**BITS
_LONGEST = 64 - BITS
Hashes = NDArray[np.uint64]


def row_hashes(columns: Columns, secret: bytes) -> Hashes:
    """64 bits of each row, by a secret of up to 64 bytes: without it nobody makes rows collide."""
    hashes = np.empty(columns.rows, np.uint64)
    for row, key in enumerate(row_keys(columns)):
        kinds, numbers, *words = key
        text = repr((kinds, words)).encode("utf-8", "surrogatepass")
        digest = blake2b(text, key=secret, digest_size=8)
        digest.update(numbers if isinstance(numbers, bytes) else b"")
        hashes[row] = int.from_bytes(digest.digest(), "little")
    return hashes


class DistinctCount:
    """Counts what is different among all that is added, as hashes of 64 bits."""

    __slots__ = ("_registers",)

    def __init__(self, registers: bytes | None = None) -> None:
        """An empty one, or one that `to_bytes` wrote.

        Raises:
            ValueError: they have another number of bytes.
        """
        read = np.zeros(REGISTERS, np.uint8) if registers is None else _read(registers)
        self._registers = read.copy()

    def add(self, hashes: Hashes) -> None:
        """Count hashes; those that were added before change nothing."""
        place = (hashes & np.uint64(REGISTERS - 1)).astype(np.intp)
        rest = (hashes >> np.uint64(BITS)).astype(np.float64)
        # 52 bits are a float exactly, whose exponent is how many of them count.
        first_one = (_LONGEST + 1 - np.frexp(rest)[1]).astype(np.uint8)
        np.maximum.at(self._registers, place, first_one)

    def merge(self, registers: bytes) -> None:
        """Count what another one, as `to_bytes` wrote it, has counted as well.

        Raises:
            ValueError: they have another number of bytes.
        """
        np.maximum(self._registers, _read(registers), out=self._registers)

    def to_bytes(self) -> bytes:
        """All of it, of as many bytes as there are registers."""
        return self._registers.tobytes()

    def estimate(self) -> float:
        """How many different hashes were added, about."""
        counts: list[int] = np.bincount(self._registers, minlength=_LONGEST + 2).tolist()
        summed: float = REGISTERS * _tau(1 - counts[_LONGEST + 1] / REGISTERS)
        for count in reversed(counts[1 : _LONGEST + 1]):
            summed = (summed + count) / 2
        summed += REGISTERS * _sigma(counts[0] / REGISTERS)
        return float(REGISTERS**2) / (2 * math.log(2) * summed)


def _read(registers: bytes) -> NDArray[np.uint8]:
    if len(registers) != REGISTERS:
        msg = f"{len(registers)} bytes are no count of {REGISTERS} registers"
        raise ValueError(msg)
    return np.frombuffer(registers, np.uint8)


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    power, total, former = 1.0, x, -1.0
    while total != former:
        x, former = x * x, total
        total += x * power
        power += power
    return total


def _tau(x: float) -> float:
    if x in {0, 1}:
        return 0.0
    power, total, former = 1.0, 1 - x, -1.0
    while total != former:
        x, former = math.sqrt(x), total
        power /= 2
        total -= (1 - x) ** 2 * power
    return total / 3
