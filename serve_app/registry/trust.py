"""What a registry asks of those who check signatures, and of those who make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Trust(Protocol):
    """Checks signatures before anything else of a version, or of an alias's move, is read.

    With `required`, what nobody signed is refused.
    """

    @property
    def required(self) -> bool:
        """Whether all must be signed."""

    def check_version(
        self, model: str, number: int, manifest: bytes, envelopes: Sequence[bytes]
    ) -> None:
        """Let a version's manifest pass, as the bytes that it is stored as.

        Raises:
            ArtifactRejected: it is not signed as it must be; says why and what to do.
        """

    def check_move(
        self, model: str, alias: str, number: int, move: Mapping[str, Any], envelope: Any
    ) -> None:
        """Let the `number`-th move of an alias pass, with the envelope that stands beside it.

        Raises:
            ArtifactRejected: it is not signed as it must be; says why and what to do.
        """


class Signs(Protocol):
    """Signs versions and moves of aliases with one key."""

    @property
    def key_id(self) -> str:
        """The name of the key, which can name a file."""

    def version(self, model: str, number: int, manifest: bytes, previous: int | None) -> bytes:
        """The envelope in which a version's manifest is signed, byte by byte."""

    def move(self, model: str, alias: str, number: int, move: Mapping[str, Any]) -> dict[str, Any]:
        """The envelope, in JSON's types, in which a move of an alias is signed."""
