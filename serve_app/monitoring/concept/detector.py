"""What a detector of concept drift is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

Level = Literal["stable", "warning", "drift"]
"""What a detector says after a value; after `drift` it has begun anew."""


class Detector(Protocol):
    """Watches a stream of errors, one after the other."""

    name: str
    binary: bool
    """Whether it takes nothing but 0 and 1."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All its settings, those that nobody gave too."""

    def update(self, value: float) -> Level:
        """Take the next value: 0 or 1 for right or wrong, or an error of any size."""

    def state(self) -> bytes:
        """All that it knows, as JSON."""

    def restore(self, state: bytes) -> None:
        """Go on where a detector with the same settings stopped.

        Raises:
            InvalidInput: that is no state of such a detector, or one of another version.
        """
