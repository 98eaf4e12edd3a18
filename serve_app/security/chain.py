"""Lines that cannot be changed unseen: each hash stands for its line and all before it.

A line is `<hash> <canonical JSON>`, and h_n = SHA-256(h_(n-1) || line_n), in hexadecimal digits;
h_0 is 64 zeros. Who changes, removes or exchanges a line changes every hash after it. Who cuts
the tail changes none: a checkpoint, which is a hash signed elsewhere, notices.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

START = "0" * 64
_HASH_LETTERS = 64


@dataclass(frozen=True, slots=True)
class Link:
    """One line of a chain: its number, from 1 on, its hash, and what it says."""

    number: int
    hash: str
    body: Mapping[str, Any]


class ChainBroken(Exception):
    """A line is not the one that was written; `number` is the first such, from 1 on."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(number, problem)
        self.number = number
        self.problem = problem


def canonical(body: Mapping[str, Any]) -> bytes:
    """A body as it is hashed: JSON in ASCII, keys in order, no space, no line break."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def following(before: str, line: bytes) -> str:
    """The hash of a line, after the hash of the one before it."""
    return hashlib.sha256(before.encode() + line).hexdigest()


def written(before: str, body: Mapping[str, Any]) -> tuple[str, bytes]:
    """The hash of a body after another hash, and the line of a file that holds both."""
    line = canonical(body)
    own = following(before, line)
    return own, own.encode() + b" " + line + b"\n"


def links(lines: Iterable[bytes], before: str = START, first: int = 1) -> Iterator[Link]:
    """The lines of a chain, from the `first` on, as long as each follows the one before it.

    Raises:
        ChainBroken: a line does not; names it.
    """
    for number, line in enumerate(lines, first):
        own, _, text = line.rstrip(b"\n").partition(b" ")
        if len(own) != _HASH_LETTERS or not line.endswith(b"\n"):
            raise ChainBroken(number, "is damaged")
        before = following(before, text)
        if own.decode("ascii", "replace") != before:
            raise ChainBroken(number, "was changed, or a line before it was removed or exchanged")
        body = body_of(text)
        if body.get("seq") != number:
            raise ChainBroken(number, f"says that it is line {body.get('seq')!r}")
        yield Link(number, before, body)


def number_of(text: bytes) -> int | None:
    """The number that a line's JSON says it has; none where it says none."""
    number = body_of(text).get("seq")
    return number if isinstance(number, int) else None


def body_of(text: bytes) -> dict[str, Any]:
    """What a line's JSON says; nothing where it is damaged."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
