"""One version answers everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.plan import Plan
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing.route import FixedRouter, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from serve_app.core.snapshot import RouteSpec


class Single(Route):
    """The same version for every request."""

    settings = "serve_app.config.routes:SingleRoute"

    def router(
        self,
        *,
        salt: str,
        epoch: int,
        draw: Callable[[], float],  # noqa: ARG002
    ) -> FixedRouter:
        """Plans alike for every request.

        Raises:
            ConfigError: the route does not have exactly one variant, or it has no name.
        """
        versions = [variant.version for variant in self.spec.variants]
        if len(versions) != 1:
            listed = ", ".join(versions) or "none"
            raise ConfigError(
                f"endpoint {salt!r}: a route of kind single has one variant, this one "
                f"has {len(versions)} ({listed}); name one, or write kind: split or ensemble"
            )
        if not versions[0]:
            raise ConfigError("the route names no version; write one, such as diagnosis-xgb@1")
        return FixedRouter(Plan((versions[0],), epoch=epoch))

    def with_weights(self, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:  # noqa: ARG002
        """Refuse: it has none.

        Raises:
            InvalidInput: always.
        """
        msg = f"endpoint {endpoint!r} has one variant and no weights; declare a split first"
        raise InvalidInput(msg)
