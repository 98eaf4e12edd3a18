"""Every variant answers, and the answers become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from serve_app.core.messages import Request
from serve_app.core.plan import Plan
from serve_app.core.snapshot import Endpoint
from serve_app.errors import ConfigError


class Ensemble:
    """The same plan for every request: all variants of a weight above 0, together.

    Raises:
        ConfigError: there is none.
    """

    def __init__(self, variants: Sequence[tuple[str, float]]) -> None:
        names = tuple(name for name, weight in variants if weight > 0)
        if not names:
            raise ConfigError("all weights are 0, so nobody would answer")
        self._plan = Plan(names, together=True)

    @classmethod
    def of(cls, endpoint: Endpoint, *, draw: Callable[[], float]) -> Ensemble:  # noqa: ARG003
        """The route of an endpoint."""
        return cls([(variant.version, variant.weight) for variant in endpoint.variants])

    def plan(self, request: Request) -> Plan:  # noqa: ARG002
        """Who is asked."""
        return self._plan
