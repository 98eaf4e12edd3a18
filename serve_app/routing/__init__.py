"""Who answers? One file per kind of route, named in `KINDS` and imported when chosen.

To add a kind: write its module here with a `Route` of its own (`routing/route.py` says what it
may decide), and name that below. Its settings are a pydantic model, a `RouteSettings`, which the
class names. `tests/contract/test_routers.py` runs on every kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.places import standing_at
from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from serve_app.core.snapshot import RouteSpec
    from serve_app.routing.route import Route

KINDS = {
    "bandit": "serve_app.routing.bandit:Bandit",
    "canary": "serve_app.routing.canary:Canary",
    "cascade": "serve_app.routing.cascade:Cascade",
    "ensemble": "serve_app.routing.ensemble:Ensemble",
    "rules": "serve_app.routing.rules:Rules",
    "single": "serve_app.routing.single:Single",
    "split": "serve_app.routing.split:Split",
}
"""Kind to the place of its class, `module:Name`."""


def kind_named(name: str) -> type[Route]:
    """The class of a kind of route.

    Raises:
        ConfigError: there is no such kind.
    """
    if name not in KINDS:
        msg = f"{name!r} is no kind of route that is known here; those are {', '.join(KINDS)}"
        raise ConfigError(msg)
    kind: type[Route] = standing_at(KINDS[name])
    return kind


def route_of(spec: RouteSpec) -> Route:
    """The route that a description describes.

    Raises:
        ConfigError: there is no such kind.
    """
    return kind_named(spec.kind)(spec)
