"""One system's contract as its own clients know it: paths, pages, and words for errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from serve_app.gateway.context import GatewayContext
from serve_app.gateway.endpoints import Predictions
from serve_app.gateway.routes import GatewayApp, PredictionRoute
from serve_app.protocols.dialect import Dialect, Words

POST = ("POST",)
SENT = ("POST", "PUT")
"""How curl sends a file: PUT with `-T`."""


Around = Callable[[ASGIApp, GatewayContext], ASGIApp]
"""Puts something before what answers a path."""


class DialectPath(NamedTuple):
    """A path that predicts, and in which dialect; what stands `around` it sees requests first.

    `answers` is what answers it, where that does more than to predict.
    """

    path: str
    dialect: Dialect
    methods: Sequence[str] = POST
    around: Around | None = None
    answers: type[Predictions] = Predictions

    def route(self, context: GatewayContext, refuse: Words | None = None) -> PredictionRoute:
        """The route of the path; without `refuse` errors are in the words of the dialect."""
        predictions = self.answers(context, self.dialect, refuse)
        if self.around is None:
            return PredictionRoute(self.path, predictions, self.methods, predictions.answer)
        return PredictionRoute(self.path, self.around(predictions, context), self.methods)


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that one system's clients may ask, answered as that system does.

    `pages` are the other routes, `refuse` the form of every error.
    """

    predictions: tuple[DialectPath, ...]
    pages: Callable[[GatewayContext], Sequence[BaseRoute]]
    refuse: Words

    def app(self, context: GatewayContext) -> GatewayApp:
        """The application that speaks nothing but this."""
        own = replace(context, refuse=self.refuse)
        routes = [path.route(own, self.refuse) for path in self.predictions]
        return GatewayApp(routes, self.pages(own), own)
