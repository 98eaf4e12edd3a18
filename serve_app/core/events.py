"""What somebody changed: declared endpoints, weights, aliases, models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RETRAINING = "retraining"
"""The kind of what happens to runs of retraining, and to models of which none goes on."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change, as it is kept for ever.

    `at_s` is the time in seconds since 1970, `who` the one who asked for it, `kind` what was
    done (`declared`, `weights set`, `alias moved`, `registered`, `removed`, …), `subject` the
    endpoint, model or version that it was done to. `before` and `after` are JSON values, None
    where there was nothing. `id` is given by the store, and only grows.
    """

    at_s: float
    who: str
    kind: str
    subject: str
    why: str = ""
    before: Any = None
    after: Any = None
    id: int | None = None
