"""What is promised, what was measured, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binom

CONFIDENCE = 0.999
"""How surely a rate that is exactly at its limit passes, in spite of chance."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A line of the table; one with no goal is there for contrast, and always holds."""

    name: str
    goal: str
    measured: str
    ok: bool


def rate_at_most(name: str, limit: float, events: int, runs: int, *, by_chance: bool) -> Guarantee:
    """An event that may happen in that share of all runs, and by chance in a few more."""
    allowed = binom.ppf(CONFIDENCE, runs, limit) / runs if by_chance else limit
    goal = f"<= {limit:g}" + (f" (+ {allowed - limit:.4f} by chance)" if by_chance else "")
    rate = events / runs
    return Guarantee(name, goal, f"{rate:.4f} of {runs:,}", bool(rate <= allowed))


def rate_at_least(
    name: str, limit: float, events: int, runs: int, *, by_chance: bool = False
) -> Guarantee:
    """An event that must happen in that share of all runs, or by chance in a few less."""
    needed = binom.ppf(1 - CONFIDENCE, runs, limit) / runs if by_chance else limit
    goal = f">= {limit:g}" + (f" (- {limit - needed:.4f} by chance)" if by_chance else "")
    rate = events / runs
    return Guarantee(name, goal, f"{rate:.4f} of {runs:,}", bool(rate >= needed))


def at_most(name: str, limit: float, measured: float, unit: str = "") -> Guarantee:
    """A number that may not be larger."""
    return Guarantee(name, f"<= {limit:g}{unit}", f"{measured:.4g}{unit}", measured <= limit)


def contrast(name: str, rate: float, runs: int) -> Guarantee:
    """What happens without the method: shown, and no guarantee."""
    return Guarantee(name, "for contrast", f"{rate:.4f} of {runs:,}", ok=True)
