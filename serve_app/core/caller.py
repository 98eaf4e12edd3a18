"""Who sends a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as far as anybody knows."""

    name: str


ANONYMOUS = Caller("anonymous")
"""Whoever has not said who they are."""
