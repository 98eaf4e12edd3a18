"""Lengths of time as people write them: a number and a unit."""

from __future__ import annotations

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
"""Seconds of a unit; which of them may be written is said where it is."""
