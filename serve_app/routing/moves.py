"""Weights change, and only those subjects move who must.

Rendezvous alone moves nearly as few as possible, but with more than two arms some subjects change
between arms that both grow. So a split remembers the weights that it had: subjects start where
rendezvous puts them under the first, and at each change every arm that shrinks gives up just its
surplus, to arms that grow, in proportion to their growth. The share that moves is then the total
variation distance of the two weightings, which no assignment can go below.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from serve_app.core.plan import Plan
from serve_app.routing.arms import RankedArms
from serve_app.routing.hashing.blake2b import blake2b_64
from serve_app.routing.rendezvous import ranked

if TYPE_CHECKING:
    from serve_app.routing.arms import Arms

Weights = Mapping[str, float]
_MOST = 32
"""So many changes are remembered. With the next one, assignment starts afresh."""
_HALF = 2**32


def shares_of(weights: Weights) -> dict[str, float]:
    """The shares of arms whose weights are above 0."""
    total = sum(weights.values())
    return {arm: weight / total for arm, weight in weights.items() if weight > 0}


def remembered(former: Sequence[Weights], last: Weights, now: Weights) -> tuple[Weights, ...]:
    """The former weights, oldest first, that say where subjects are after `last` became `now`.

    Going back to weights that were there before takes everybody back. A change that goes on in
    the direction of the last one takes its place.
    """
    history = [dict(one) for one in (*former, last)]
    shares = [shares_of(one) for one in history]
    current = shares_of(now)
    for at, one in enumerate(shares):
        if _is_same(one, current):
            return tuple(history[:at])
    if len(shares) > 1 and _goes_on(shares[-2], shares[-1], current):
        del history[-1]
    return tuple(history) if len(history) <= _MOST else ()


def _is_same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(math.isclose(one[arm], other[arm]) for arm in one)


def _goes_on(first: Weights, second: Weights, third: Weights) -> bool:
    """Whether one step from the first to the third leaves everybody where two steps would.

    No arm turns round, and those that grow take the same parts of what the others give up.
    """
    before, after = _growth(first, second), _growth(first, third)
    turned = any(
        (second.get(arm, 0.0) - first.get(arm, 0.0)) * (third.get(arm, 0.0) - second.get(arm, 0.0))
        < 0
        for arm in {*first, *second, *third}
    )
    return not turned and _is_same(shares_of(before), shares_of(after))


def _growth(old: Weights, new: Weights) -> dict[str, float]:
    """By how much the arms grow that do."""
    grown = {arm: share - old.get(arm, 0.0) for arm, share in sorted(new.items())}
    return {arm: more for arm, more in grown.items() if more > 0}


class Move:
    """One change of weights: who stays, and where the others go. `number` tells it from others."""

    def __init__(self, old: Weights, new: Weights, number: int) -> None:
        before, after = shares_of(old), shares_of(new)
        grown = _growth(before, after)
        self._stays = {arm: after.get(arm, 0.0) / share * _HALF for arm, share in before.items()}
        self._targets = tuple(grown)
        self._ends = tuple(itertools.accumulate(shares_of(grown).values()))
        self._person = f"move {number}".encode()

    def moved(self, arm: str, seed: str, key: str) -> str:
        """The arm of a subject after the change, given the one before."""
        draw = blake2b_64(seed, key, self._person)
        if draw // _HALF < self._stays[arm] or not self._targets:
            return arm
        at = bisect.bisect_right(self._ends, draw % _HALF / _HALF)
        return self._targets[min(at, len(self._targets) - 1)]


class MovedArms:
    """By rendezvous under the first weights, then by the changes since.

    `variants` are names and weights above 0, `former` the weights before, oldest first. After the
    arm of a subject its next choices under the first weights are asked, then arms that came since.
    """

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        former: Sequence[Weights],
        *,
        seed: str,
        epoch: int,
    ) -> None:
        self._first = tuple(former[0].items())
        heaviest = sorted(variants, key=lambda variant: (-variant[1], variant[0]))
        known = shares_of(former[0])
        self._answering = {name for name, _ in variants}
        self._later = tuple(name for name, _ in heaviest if name not in known)
        self._seed = seed
        steps = itertools.pairwise((*former, dict(variants)))
        self._moves = tuple(Move(old, new, number) for number, (old, new) in enumerate(steps, 1))
        self._ranked = RankedArms(variants, seed=seed, epoch=epoch)

    def plan(self, key: str) -> Plan:
        """Who is asked for a subject."""
        order = ranked(self._first, salt=self._seed, key=key)
        arm = order[0]
        for move in self._moves:
            arm = move.moved(arm, self._seed, key)
        names = (*order, *self._later)
        others = [name for name in names if name != arm and name in self._answering]
        return self._ranked.in_order((arm, *others))


def arms_of(
    variants: Sequence[tuple[str, float]], former: Sequence[Weights], *, seed: str, epoch: int
) -> Arms:
    """Arms by our own hash, with the former weights where there are any."""
    if former:
        return MovedArms(variants, former, seed=seed, epoch=epoch)
    return RankedArms(variants, seed=seed, epoch=epoch)
