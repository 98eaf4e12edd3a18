"""One thing that was looked at, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]
LEVELS: tuple[Level, ...] = ("problem", "warning", "ok")
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so of a subject, how bad that is, and how it is mended.

    `check` is the kind: port, token, file, access, audit, transport, signature, library or bound.
    """

    level: Level
    check: str
    subject: str
    text: str
    remedy: str = ""
