"""Weighted rendezvous hashing: who answers for a key, the same in every process.

Each variant draws u in (0, 1) from a hash of salt, key and its own name, and scores
-weight / ln(u); the highest score wins. Its share is then exactly its weight's share, and
a variant whose weight grows only gains keys.
Source: Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (SPAA 2005).
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNIT = 2.0**-52


def score(variant: str, weight: float, *, salt: str, key: str) -> float:
    """The score of one variant for a key; -weight / ln(u)."""
    return -weight / math.log(uniform(variant, salt=salt, key=key))


def uniform(name: str, *, salt: str, key: str) -> float:
    """A number in (0, 1) that a name draws for a key, the same in every process."""
    # Lengths keep the fields apart: salt "a" with key "bc" is not "ab" with "c".
    text = f"{len(salt)}:{salt}{len(key)}:{key}{name}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # 52 bits, since of 53 the largest plus a half would round to 1, whose logarithm is 0.
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) * _UNIT


def ranked(variants: Sequence[tuple[str, float]], *, salt: str, key: str) -> tuple[str, ...]:
    """The variants of a weight above 0, best first."""
    scored = [
        (score(name, weight, salt=salt, key=key), name) for name, weight in variants if weight > 0
    ]
    scored.sort(reverse=True)
    return tuple(name for _, name in scored)
