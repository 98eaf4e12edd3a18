"""What a signature says: which manifest a version has, or where an alias moved.

A version's statement is one of in-toto (https://in-toto.io/Statement/v1), whose subject is the
manifest's file; a move has a payload type of its own, so that neither stands for the other.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


class StatementDamaged(ValueError):
    """What was signed is no such statement."""


@dataclass(frozen=True, slots=True)
class VersionStatement:
    """That a version is what its manifest of this SHA-256 says, and who says so since when.

    `previous` is the version before it, none of the first; `signed_at` is ISO 8601 in UTC.
    """

    PAYLOAD_TYPE: ClassVar[str] = "application/vnd.in-toto+json"
    STATEMENT: ClassVar[str] = "https://in-toto.io/Statement/v1"
    PREDICATE: ClassVar[str] = "urn:serve-app:version:v1"

    model: str
    version: int
    manifest_sha256: str
    signer: str
    signed_at: str
    previous: int | None = None

    def encode(self) -> bytes:
        """The statement as canonical JSON."""
        subject = {
            "name": f"{self.model}/{self.version}/manifest.json",
            "digest": {"sha256": self.manifest_sha256},
        }
        predicate = {
            "model": self.model,
            "version": self.version,
            "previous": self.previous,
            "signer": self.signer,
            "signedAt": self.signed_at,
        }
        return _canonical(
            {
                "_type": self.STATEMENT,
                "subject": [subject],
                "predicateType": self.PREDICATE,
                "predicate": predicate,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> VersionStatement:
        """Read what `encode` wrote.

        Raises:
            StatementDamaged: it is no such statement.
        """
        try:
            body = json.loads(payload)
            predicate = body["predicate"]
            made = cls(
                model=predicate["model"],
                version=predicate["version"],
                manifest_sha256=body["subject"][0]["digest"]["sha256"],
                signer=predicate["signer"],
                signed_at=predicate["signedAt"],
                previous=predicate["previous"],
            )
        except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
            raise StatementDamaged(f"it signs no version: {error!r}") from error
        # What would be written otherwise says something that is not read here.
        if made.encode() != payload:
            raise StatementDamaged("it signs a version in a form of another release")
        return made


@dataclass(frozen=True, slots=True)
class MoveStatement:
    """That the `number`-th move of an alias lets it name a version, or none any more."""

    PAYLOAD_TYPE: ClassVar[str] = "application/vnd.serve-app.alias-move.v1+json"

    model: str
    alias: str
    number: int
    version: int | None
    previous: int | None
    moved_at: str
    by: str
    reason: str | None

    def encode(self) -> bytes:
        """The statement as canonical JSON."""
        return _canonical(asdict(self))


def _canonical(body: Any) -> bytes:
    # ASCII alone: no text has two forms, and none that cannot be written.
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
