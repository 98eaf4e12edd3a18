"""Requests of the main port straight to a gateway, past what Serve does around each of them.

The server stays Serve's, and with it who is asked: HAProxy's list of gateways, health checks,
draining and restarts. What it passes by are Serve's wrapper of each request and its bookkeeping;
what Serve needs of that it is told in blocks.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from ray import serve
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.config import GatewayArgs
from serve_app.core.identifiers import PredictionIds
from serve_app.core.supervisor import Supervisor
from serve_app.core.workload import Load
from serve_app.gateway.bounded import Bounded, Count, RequestBounds
from serve_app.gateway.middleware import RequestIds

HEALTH = "/-/healthz"
_OF_SERVE = frozenset({HEALTH, "/-/routes"})
PERIOD_S = 1.0
"""How often it is looked whether a deployment's bounds have changed."""


class Straight:
    """Sends requests to an `express` application, and what Serve itself answers to Serve.

    Serve writes into a request where its application is mounted (`root_path`). That is known once
    a health check has passed; until then Serve is asked everything.
    """

    def __init__(self, serve_itself: ASGIApp, *, express: ASGIApp) -> None:
        self._serve_itself = serve_itself
        self._express = RequestIds(express, ids=PredictionIds())
        self._root: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._serve_itself(scope, receive, send)
            return
        whole: str = scope["path"]
        path = whole[len(scope.get("root_path", "")) :]
        root = self._root
        if root is not None and path not in _OF_SERVE and whole.startswith(root):
            scope["root_path"] = root
            await self._express(scope, receive, send)
            return
        await self._serve_itself(scope, receive, send)
        if path == HEALTH:
            # Serve answers this without the application, which may write there too.
            self._root = scope.get("root_path", "")


def start_express(
    args: GatewayArgs, app: ASGIApp, count: Count, tasks: Supervisor
) -> Bounded | None:
    """An application within the bounds of this replica's deployment; none without `express`."""
    if not args.express:
        return None
    bounded = Bounded(app, _bounds(), count, clock=time.monotonic)
    tasks.start("follow the bounds of requests", _following(bounded))
    return bounded


def with_ongoing(load: Load, bounded: Bounded | None) -> Load:
    """A load with the requests that there were at once, where they are counted here."""
    return load if bounded is None else replace(load, ongoing_requests=bounded.read())


def bounds_of(config: Any) -> RequestBounds:
    """What Serve's config of a deployment says of requests; negative bounds are none there."""
    refusal = config.backpressure_config
    return RequestBounds(
        at_once=config.max_ongoing_requests,
        waiting=config.max_queued_requests if config.max_queued_requests >= 0 else None,
        status=refusal.status_code,
        retry_after_s=refusal.retry_after_s,
    )


def _bounds() -> RequestBounds:
    return bounds_of(serve.get_replica_context()._deployment_config)  # noqa: SLF001


def _following(bounded: Bounded) -> Callable[[], Coroutine[Any, Any, None]]:
    async def follow() -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            bounded.follow(_bounds())

    return follow
