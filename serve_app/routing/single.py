"""One version answers everything."""

from __future__ import annotations

from collections.abc import Callable

from serve_app.core.messages import Request
from serve_app.core.plan import Plan
from serve_app.core.snapshot import Endpoint


class Single:
    """The same plan for every request."""

    def __init__(self, variant: str) -> None:
        self._plan = Plan((variant,))

    @classmethod
    def of(cls, endpoint: Endpoint, *, draw: Callable[[], float]) -> Single:  # noqa: ARG003
        """The route of an endpoint."""
        return cls(endpoint.variants[0].version)

    def plan(self, request: Request) -> Plan:  # noqa: ARG002
        """Who is asked."""
        return self._plan
