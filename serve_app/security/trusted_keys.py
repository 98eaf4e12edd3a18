"""Whose signatures count, and whether those of a version or of an alias's move are right."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput
from serve_app.security.envelope import Envelope, EnvelopeDamaged
from serve_app.security.signing import key_id, public_key
from serve_app.security.statements import MoveStatement, StatementDamaged, VersionStatement


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys (32 bytes, by `signing.key_id`) whose signatures count.

    With `required`, what none of them signed is refused; without it, that alone passes which
    nobody signed.
    """

    keys: Mapping[str, bytes]
    required: bool = True

    def check_version(
        self, model: str, number: int, manifest: bytes, envelopes: Sequence[bytes]
    ) -> None:
        """Let a version's manifest pass, as the bytes that it is stored as.

        Raises:
            ArtifactRejected: a trusted key signed something else, or none signed it; says why
                and what to do.
        """
        self.signers_of(model, number, manifest, envelopes)

    def signers_of(
        self, model: str, number: int, manifest: bytes, envelopes: Sequence[bytes]
    ) -> tuple[VersionStatement, ...]:
        """What trusted keys say of a version; raises as `check_version` does."""
        what = f"{model}@{number}"
        again = (
            f"look at what is stored, and where it is right sign it: serve-app sign {what} --key …"
        )
        statements = [
            statement
            for envelope in envelopes
            if (statement := self._of_version(what, envelope, again)) is not None
        ]
        if not statements:
            if envelopes:
                problem = "is signed with no key that is trusted here"
            elif self.required:
                problem = "is not signed, and this registry's versions must be"
            else:
                return ()
            raise _refused(what, problem, again)
        digest = hashlib.sha256(manifest).hexdigest()
        for statement in statements:
            signed = f"{statement.model}@{statement.version}"
            if signed != what:
                problem = f"bears a signature of {signed}: it was put in another's place"
                raise _refused(what, problem, again)
            if statement.manifest_sha256 != digest:
                problem = (
                    f"has another manifest than {statement.signer} signed ({statement.signed_at}): "
                    "it was altered, or its signature is an older one"
                )
                raise _refused(what, problem, again)
        return tuple(statements)

    def check_move(
        self, model: str, alias: str, number: int, move: Mapping[str, Any], envelope: Any
    ) -> None:
        """Let the `number`-th move of an alias pass; `envelope` stands beside it, in JSON's types.

        `move` has the fields of a move: version, previous, moved_at, by and reason.

        Raises:
            ArtifactRejected: a trusted key signed something else, or none signed it; says why
                and what to do.
        """
        what = f"move {number} of {model}@{alias}"
        again = (
            "look at the alias's history, and move it again with a signature: "
            f"serve-app models alias {model}@NUMBER {alias} --sign-key …"
        )
        if envelope is None:
            if self.required:
                raise _refused(what, "is not signed, and this registry's aliases must be", again)
            return
        try:
            opened = Envelope.from_json(envelope)
            claimed = MoveStatement(model, alias, number, **move).encode()
        except (EnvelopeDamaged, TypeError, ValueError) as error:
            raise _refused(what, f"has a damaged signature ({error})", again) from error
        if not self._counts(what, opened, again):
            raise _refused(what, "is signed with no key that is trusted here", again)
        if (opened.payload_type, opened.payload) != (MoveStatement.PAYLOAD_TYPE, claimed):
            problem = "is not the move that was signed: it was altered, or is another move's"
            raise _refused(what, problem, again)

    def _of_version(self, what: str, content: bytes, again: str) -> VersionStatement | None:
        """What an envelope says of a version; none where no trusted key signed it."""
        try:
            envelope = Envelope.decode(content)
            if not self._counts(what, envelope, again):
                return None
            if envelope.payload_type != VersionStatement.PAYLOAD_TYPE:
                raise StatementDamaged(f"it signs a {envelope.payload_type}")
            return VersionStatement.decode(envelope.payload)
        except (EnvelopeDamaged, StatementDamaged) as error:
            raise _refused(what, f"has a damaged signature ({error})", again) from error

    def _counts(self, what: str, envelope: Envelope, again: str) -> bool:
        """Whether a trusted key signed it. Raises ArtifactRejected: one is only said to have."""
        right, wrong = envelope.signers(self.keys)
        if wrong:
            problem = f"has a wrong signature of the key {min(wrong)[:16]}…"
            raise _refused(what, problem, again)
        return bool(right)


def read_trusted_keys(files: Sequence[str], *, required: bool) -> TrustedKeys:
    """The public keys in some files (PEM).

    Raises:
        ConfigError: a file cannot be read or holds no public key, or `cryptography` is missing.
    """
    keys: dict[str, bytes] = {}
    for file in files:
        try:
            public = public_key(Path(file).read_bytes())
        except OSError as error:
            msg = f"the trusted key {file} cannot be read: {error.strerror or error}"
            raise ConfigError(msg) from error
        except InvalidInput as error:
            raise ConfigError(f"the trusted key {file}: {error.message}") from error
        keys[key_id(public)] = public
    return TrustedKeys(keys, required)


def _refused(what: str, problem: str, again: str) -> ArtifactRejected:
    return ArtifactRejected(f"{what} {problem}; {again}", signature=problem)
