"""What a run tells those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["started", "reused", "again", "trial", "done", "warning"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that happened in a step; of trials, how many of how many are judged."""

    step: str
    kind: Kind
    text: str = ""
    done: int = 0
    total: int = 0


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Nobody watches."""
