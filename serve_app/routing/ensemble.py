"""Every variant answers, and the answers become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.plan import Plan
from serve_app.routing.weights import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serve_app.core.messages import Request
    from serve_app.core.snapshot import Endpoint


class Ensemble:
    """The same plan for every request: all variants of a weight above 0, together.

    How much each counts is not the route's business but that of `core.combine`.

    Raises:
        ConfigError: the variants or their weights cannot be served; see `weights.checked`.
    """

    def __init__(self, variants: Sequence[tuple[str, float]]) -> None:
        self._plan = Plan(tuple(name for name, _ in checked(variants)), together=True)

    @classmethod
    def of(cls, endpoint: Endpoint, *, draw: Callable[[], float]) -> Ensemble:  # noqa: ARG003
        """The route of an endpoint."""
        return cls([(variant.version, variant.weight) for variant in endpoint.variants])

    def plan(self, request: Request) -> Plan:  # noqa: ARG002
        """Who is asked."""
        return self._plan
