"""One version answers everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.plan import Plan
from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from serve_app.core.messages import Request
    from serve_app.core.snapshot import Endpoint


class Single:
    """The same plan for every request.

    Raises:
        ConfigError: the variant has no name.
    """

    def __init__(self, variant: str) -> None:
        if not variant:
            raise ConfigError("the route names no version; write one, such as diagnosis-xgb@1")
        self._plan = Plan((variant,))

    @classmethod
    def of(cls, endpoint: Endpoint, *, draw: Callable[[], float]) -> Single:  # noqa: ARG003
        """The route of an endpoint.

        Raises:
            ConfigError: the endpoint does not have exactly one variant.
        """
        versions = [variant.version for variant in endpoint.variants]
        if len(versions) != 1:
            listed = ", ".join(versions) or "none"
            raise ConfigError(
                f"endpoint {endpoint.name!r}: a route of kind single has one variant, this one "
                f"has {len(versions)} ({listed}); name one, or write kind: split or ensemble"
            )
        return cls(versions[0])

    def plan(self, request: Request) -> Plan:  # noqa: ARG002
        """Who is asked."""
        return self._plan
