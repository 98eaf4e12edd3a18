"""How far a chain was at a time, signed: who cuts its tail, or writes another one, is noticed.

An anchor is the same of lines that were let go: the chain goes on after it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serve_app.security.envelope import LARGEST_BYTES, Envelope, EnvelopeDamaged
from serve_app.security.signing import key_id, public_of

PAYLOAD_TYPE = "application/vnd.serve-app.audit-checkpoint.v1+json"
ANCHOR_TYPE = "application/vnd.serve-app.audit-anchor.v1+json"
CHAIN = ".jsonl"
CHECKPOINTS = ".checkpoints.jsonl"
ANCHORS = ".anchors.jsonl"
"""How the names of a writer's files end."""
_LONGEST_BYTES = 2 * LARGEST_BYTES


class CheckpointDamaged(Exception):
    """A checkpoint is none, or not of a key that counts; `number` is its line, from 1 on."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(number, problem)
        self.number = number
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That the `seq`-th line of a writer's chain had this hash; `at_s` is seconds since 1970."""

    writer: str
    seq: int
    hash: str
    at_s: float

    def line(self, key: Any) -> bytes:
        """The line of a file that holds it, signed with a private key (`signing.private_key`)."""
        return self._signed(PAYLOAD_TYPE, key)

    def anchor(self, key: Any) -> bytes:
        """The same as an anchor: all lines so far were let go, and the next one follows it."""
        return self._signed(ANCHOR_TYPE, key)

    def _signed(self, kind: str, key: Any) -> bytes:
        payload = json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()
        return Envelope.signed(kind, payload, key).encode() + b"\n"


def last_signed(file: Path, writer: str, key: Any) -> int:
    """Up to which line of a writer the last checkpoint of a file vouches, by a private key.

    None counts as 0: where there is no file, or its last line is of another key, or damaged.
    """
    if not file.is_file():
        return 0
    with file.open("rb") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - _LONGEST_BYTES))
        lines = opened.read().splitlines(keepends=True)
    public = public_of(key)
    try:
        (last,) = read_checkpoints(lines[-1:], {key_id(public): public})
    except (CheckpointDamaged, ValueError):
        return 0
    return last.seq if last.writer == writer else 0


def read_checkpoints(lines: Iterable[bytes], keys: Mapping[str, bytes]) -> Iterator[Checkpoint]:
    """The checkpoints in some lines; `keys` are public keys (32 bytes) by `signing.key_id`.

    Raises:
        CheckpointDamaged: a line is no checkpoint, or is not signed with one of the keys.
    """
    return _read(lines, keys, PAYLOAD_TYPE)


def read_anchors(lines: Iterable[bytes], keys: Mapping[str, bytes]) -> Iterator[Checkpoint]:
    """The anchors in some lines; as `read_checkpoints` does."""
    return _read(lines, keys, ANCHOR_TYPE)


def _read(lines: Iterable[bytes], keys: Mapping[str, bytes], kind: str) -> Iterator[Checkpoint]:
    for number, line in enumerate(lines, 1):
        try:
            envelope = Envelope.decode(line)
            right, _ = envelope.signers(keys)
            if not right or envelope.payload_type != kind:
                raise CheckpointDamaged(number, "is not signed with the key of checkpoints")
            yield Checkpoint(**json.loads(envelope.payload))
        except (EnvelopeDamaged, ValueError, TypeError) as error:
            raise CheckpointDamaged(number, f"is damaged ({error})") from error
