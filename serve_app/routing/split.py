"""An A/B split: each request goes to one variant, in proportion to the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.plan import Plan
from serve_app.routing import keys
from serve_app.routing.rendezvous import ranked
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serve_app.core.messages import Request
    from serve_app.core.snapshot import Endpoint


class Split:
    """Sticky by a key where the request has it, random otherwise.

    The variants after the chosen one are asked only when it cannot answer. `salt` keeps
    the splits of different endpoints apart; `draw` gives numbers in [0, 1).

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
    ) -> None:
        if key is not None:
            keys.check(key)
        self._variants = checked(variants)
        self._key = key
        self._salt = salt
        self._draw = draw
        self._total = sum(weight for _, weight in self._variants)
        by_weight = sorted(self._variants, key=lambda variant: (-variant[1], variant[0]))
        self._random = tuple(
            (weight, Plan((name, *[other for other, _ in by_weight if other != name])))
            for name, weight in self._variants
        )

    @classmethod
    def of(cls, endpoint: Endpoint, *, draw: Callable[[], float]) -> Split:
        """The route of an endpoint."""
        variants = [(variant.version, variant.weight) for variant in endpoint.variants]
        return cls(variants, key=endpoint.key, salt=endpoint.name, draw=draw)

    def plan(self, request: Request) -> Plan:
        """Who is asked.

        Raises:
            InvalidInput: the request's key cannot be one.
        """
        key = None if self._key is None else keys.find(request, self._key)
        if key is not None:
            return Plan(ranked(self._variants, salt=self._salt, key=key))
        point = self._draw() * self._total
        for weight, plan in self._random:
            point -= weight
            if point < 0:
                return plan
        # Rounding can leave a point at the very end.
        return self._random[-1][1]
