"""Who signs: a private key, and the name that stands beside what it signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serve_app.security.envelope import Envelope
from serve_app.security.signing import key_id, public_of
from serve_app.security.statements import MoveStatement, VersionStatement


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs versions and moves of aliases with a private key (`signing.private_key`).

    `name` is who signs, as people will read it; `now` gives the time, with its zone.
    """

    key: Any
    name: str
    now: Callable[[], datetime]

    @property
    def key_id(self) -> str:
        """The name of its key (`signing.key_id`)."""
        return key_id(public_of(self.key))

    def version(self, model: str, number: int, manifest: bytes, previous: int | None) -> bytes:
        """The envelope in which a version's manifest is signed, byte by byte."""
        statement = VersionStatement(
            model,
            number,
            hashlib.sha256(manifest).hexdigest(),
            self.name,
            self.now().astimezone(UTC).isoformat(timespec="seconds"),
            previous,
        )
        payload = statement.encode()
        return Envelope.signed(VersionStatement.PAYLOAD_TYPE, payload, self.key).encode()

    def move(self, model: str, alias: str, number: int, move: Mapping[str, Any]) -> dict[str, Any]:
        """The envelope, in JSON's types, in which a move of an alias is signed.

        `move` has the fields of a move: version, previous, moved_at, by and reason.
        """
        payload = MoveStatement(model, alias, number, **move).encode()
        return Envelope.signed(MoveStatement.PAYLOAD_TYPE, payload, self.key).to_json()
