"""How much an endpoint was asked, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Requests to one endpoint in this process since it started.

    `answered` and `failed` are requests, `rows` those of answered ones; times are in seconds.
    """

    answered: int = 0
    failed: int = 0
    rows: int = 0
    answered_s: float = 0.0
    failed_s: float = 0.0
