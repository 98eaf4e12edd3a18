"""Chooses an arm by what a request holds, whatever policy says how likely each is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from serve_app.core.plan import Assignment, Plan
from serve_app.routing import keys
from serve_app.routing.bandits.arms import choose, floored
from serve_app.routing.bandits.contexts import context_of
from serve_app.routing.rendezvous import uniform
from serve_app.routing.split import BY_CHANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serve_app.core.messages import Request
    from serve_app.routing.bandits.arms import ContextualPolicy

BY_HASH = "hash"


@dataclass(frozen=True, slots=True)
class Choice:
    """Between which arms is chosen, in the policy's order, and by which columns of a request.

    `floor` is the least share of an arm, `key` what requests stick to while nothing new is known;
    choices are recorded as those of `policy`.
    """

    arms: tuple[str, ...]
    features: tuple[str, ...]
    floor: float
    key: str | None
    policy: str


class ContextualRouter:
    """Gives each request shares of its own: floor + rest * policy."""

    def __init__(
        self,
        policy: ContextualPolicy,
        choice: Choice,
        *,
        salt: str,
        epoch: int,
        draw: Callable[[], float],
    ) -> None:
        self._policy, self._choice = policy, choice
        self._salt, self._epoch, self._draw = salt, epoch, draw
        self._by_key, self._by_chance = (
            Assignment(f"{choice.policy}-{way}", salt) for way in (BY_HASH, BY_CHANCE)
        )

    def plan(self, request: Request) -> Plan:
        """Who is asked.

        Raises:
            InvalidInput: the request's key cannot be one.
        """
        choice = self._choice
        key = None if choice.key is None else keys.find(request, choice.key)
        context = context_of(request, choice.features)
        shares = floored(self._policy.shares(context), choice.floor).tolist()
        if key is None:
            at, how = choose(shares, self._draw()), self._by_chance
        else:
            at, how = choose(shares, uniform("", salt=self._salt, key=key)), self._by_key
        return ordered(choice.arms, shares, at, how, self._epoch)


def ordered(
    names: Sequence[str], shares: Sequence[float], at: int, how: Assignment, epoch: int
) -> Plan:
    """The plan that begins with an arm, after which those of larger shares are asked first."""
    rest = sorted((-shares[i], name) for i, name in enumerate(names) if i != at)
    order = (names[at], *(name for _, name in rest))
    return Plan(order, propensity=shares[at], assignment=how, epoch=epoch)
