"""An A/B split: each request goes to one variant, in proportion to the weights."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from serve_app.core.plan import Assignment, Plan
from serve_app.errors import ConfigError
from serve_app.routing import keys
from serve_app.routing.rendezvous import ranked
from serve_app.routing.route import Route
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from serve_app.core.messages import Request
    from serve_app.core.signature import Output

BY_KEY = "rendezvous"
BY_CHANCE = "random"
_PREBUILT = 4
"""Up to so many variants, a plan for each of their orders stands ready (24 of four)."""


class Split(Route):
    """Sticky by a key where the request has it, random otherwise."""

    settings = "serve_app.config.routes:SplitRoute"

    @property
    def key(self) -> str | None:
        """What requests stick to."""
        key: str | None = self.spec.settings.get("key")
        return key

    def problems(self, output: Output) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        """Whether the key names anything."""
        try:
            if self.key is not None:
                keys.check(self.key)
        except ConfigError as error:
            yield "key", error.message

    def router(self, *, salt: str, epoch: int, draw: Callable[[], float]) -> SplitRouter:
        """Chooses by key or by chance.

        Raises:
            ConfigError: the variants or their weights cannot be served (see `weights.checked`),
                or the key names nothing.
        """
        variants = [(variant.version, variant.weight) for variant in self.spec.variants]
        return SplitRouter(variants, key=self.key, salt=salt, epoch=epoch, draw=draw)

    def summary(self) -> str:
        """The kind and what requests stick to."""
        return self.spec.kind if self.key is None else f"{self.spec.kind} by {self.key}"


class SplitRouter:
    """Chooses one variant by the key of a request, or by chance.

    The variants after the chosen one are asked only when it cannot answer. `salt` keeps
    the splits of different endpoints apart; `draw` gives numbers in [0, 1); `algorithms` are the
    names under which choices by key and by chance are recorded.

    Raises:
        ConfigError: the variants or their weights cannot be served (see `weights.checked`),
            or the key names nothing.
    """

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        *,
        key: str | None,
        salt: str,
        draw: Callable[[], float],
        epoch: int = 0,
        algorithms: tuple[str, str] = (BY_KEY, BY_CHANCE),
    ) -> None:
        if key is not None:
            keys.check(key)
        self._variants = checked(variants)
        self._key = key
        self._salt = salt
        self._draw = draw
        self._epoch = epoch
        self._total = sum(weight for _, weight in self._variants)
        self._shares = {name: weight / self._total for name, weight in self._variants}
        self._by_key, by_chance = (Assignment(name, salt) for name in algorithms)
        heaviest = sorted(self._variants, key=lambda variant: (-variant[1], variant[0]))
        self._random = tuple(
            (weight, self._made((name, *(v for v, _ in heaviest if v != name)), by_chance))
            for name, weight in self._variants
        )
        names = [name for name, _ in self._variants]
        orders = itertools.permutations(names) if len(names) <= _PREBUILT else ()
        self._sticky = {order: self._made(order, self._by_key) for order in orders}

    def plan(self, request: Request) -> Plan:
        """Who is asked.

        Raises:
            InvalidInput: the request's key cannot be one.
        """
        key = None if self._key is None else keys.find(request, self._key)
        if key is not None:
            order = ranked(self._variants, salt=self._salt, key=key)
            return self._sticky.get(order) or self._made(order, self._by_key)
        point = self._draw() * self._total
        for weight, plan in self._random:
            point -= weight
            if point < 0:
                return plan
        # Rounding can leave a point at the very end.
        return self._random[-1][1]

    def _made(self, order: tuple[str, ...], assignment: Assignment) -> Plan:
        share = self._shares[order[0]]
        return Plan(order, propensity=share, assignment=assignment, epoch=self._epoch)
