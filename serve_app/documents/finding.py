"""One thing that is wrong with a file."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.redaction import without_secrets


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem: where it stands and what to do about it.

    What it repeats of a file tells no password, whichever key that was written at.
    """

    line: int
    key: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", without_secrets(self.key))
        object.__setattr__(self, "message", without_secrets(self.message))

    def __str__(self) -> str:
        return f"line {self.line}: {self.key}: {self.message}" if self.key else self.message
