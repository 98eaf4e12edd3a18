"""Medians, spreads and ratios of what the rounds measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure over the rounds, between its least and its most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


def by_peer(items: Iterable[Item], name: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Gather what belongs to each server, in the order in which servers first come."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(name(item), []).append(item)
    return found


def best(rates: Mapping[str, float], kinds: Mapping[str, str], kind: str) -> float | None:
    """The highest rate of the servers of a kind; none when none was measured."""
    return max((rate for name, rate in rates.items() if kinds[name] == kind), default=None)


def ratio(value: float, base: float | None) -> float | None:
    """How many times the base a value is; none without a base."""
    return value / base if base else None


def open_rates(single: Mapping[str, float], kinds: Mapping[str, str]) -> list[float]:
    """Rates of arrival: half of the best peer's highest and half of ours, those there are.

    `single` is each server's highest rate of one-row requests.
    """
    halves = (best(single, kinds, kind) for kind in ("peer", "ours"))
    return sorted({round(half / 2, 1) for half in halves if half is not None})
