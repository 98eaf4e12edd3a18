"""One system's contract as its own clients know it: paths, pages, and words for errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from starlette.routing import BaseRoute

from serve_app.gateway.endpoints import Predictions
from serve_app.gateway.routes import GatewayApp, PredictionRoute
from serve_app.gateway.site import Site
from serve_app.protocols.dialect import Dialect, Words

POST = ("POST",)
SENT = ("POST", "PUT")
"""How curl sends a file: PUT with `-T`."""


class Spoken(NamedTuple):
    """A path that predicts, and in which dialect."""

    path: str
    dialect: Dialect
    methods: Sequence[str] = POST


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that one system's clients may ask, answered as that system does.

    `pages` are the other routes, `refuse` the form of every error.
    """

    predictions: tuple[Spoken, ...]
    pages: Callable[[Site], Sequence[BaseRoute]]
    refuse: Words

    def app(self, site: Site) -> GatewayApp:
        """The application that speaks nothing but this."""
        own = replace(site, refuse=self.refuse)
        routes = [
            PredictionRoute(path, Predictions(own, dialect, self.refuse), methods)
            for path, dialect, methods in self.predictions
        ]
        return GatewayApp(routes, self.pages(own), own)
