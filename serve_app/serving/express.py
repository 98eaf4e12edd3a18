"""Requests of the main port straight to a gateway, past what Serve does around each of them.

The server stays Serve's, and with it who is asked: HAProxy's list of gateways, health checks,
draining and restarts. What it passes by are Serve's wrapper of each request and its bookkeeping;
what Serve needs of that it is told in blocks.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from ray import serve
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.config import GatewayArgs
from serve_app.core.identifiers import PredictionIds
from serve_app.core.supervisor import Supervisor
from serve_app.core.workload import Load
from serve_app.gateway.bounded import Bounded, Count, RequestBounds
from serve_app.gateway.middleware import RequestIds
from serve_app.serving.express_choice import serves_part

HEALTH = "/-/healthz"
_OF_SERVE = frozenset({HEALTH, "/-/routes"})
PERIOD_S = 1.0
"""How often it is looked whether a deployment's config has changed."""


@dataclass(slots=True, eq=False)
class Express:
    """An application that requests reach past Serve while it `is_open`; by Serve otherwise.

    It runs on a `loop`: where Serve has its HTTP server on another one, or elsewhere, the
    application is not `at_server`, and nobody passes Serve by.
    """

    app: Bounded
    loop: asyncio.AbstractEventLoop
    is_open: bool = True
    at_server: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether requests pass by Serve now."""
        return self.is_open and self.at_server


class Straight:
    """Sends requests to an `express` application, and what Serve itself answers to Serve.

    Serve writes into a request where its application is mounted (`root_path`). That is known once
    a health check has passed; until then Serve is asked everything.
    """

    def __init__(self, serve_itself: ASGIApp, *, express: Express) -> None:
        self._serve_itself = serve_itself
        self._express = express
        self._app = RequestIds(express.app, ids=PredictionIds())
        self._root: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._serve_itself(scope, receive, send)
            return
        whole: str = scope["path"]
        path = whole[len(scope.get("root_path", "")) :]
        root = self._root
        if (
            root is not None
            and self._express.is_open
            and path not in _OF_SERVE
            and whole.startswith(root)
        ):
            scope["root_path"] = root
            await self._app(scope, receive, send)
            return
        await self._serve_itself(scope, receive, send)
        if path == HEALTH and asyncio.get_running_loop() is self._express.loop:
            # Serve answers this without the application, which may write there too.
            self._root = scope.get("root_path", "")
            self._express.at_server = True


async def start_express(
    args: GatewayArgs,
    app: ASGIApp,
    count: Count,
    tasks: Supervisor,
    request_timeout_s: Callable[[], float | None],
) -> Express | None:
    """An application within the bounds of this replica's deployment; none without `express`.

    Where the args leave that open, it is open as long as nothing else is asked of Serve, such as
    `request_timeout_s`: that is asked in a thread.
    """
    if args.express is False:
        return None
    # Options of HTTP stay as long as Serve runs.
    reason = _nothing if args.express else _reason_now(await asyncio.to_thread(request_timeout_s))
    bounded = Bounded(app, bounds_of(_config()), count, clock=time.monotonic)
    express = Express(bounded, asyncio.get_running_loop(), is_open=reason() is None)
    tasks.start("follow the deployment's config", _following(express, reason))
    return express


def with_ongoing(load: Load, express: Express | None) -> Load:
    """A load with the requests that there were at once, where they are counted here."""
    if express is None or not express.is_reached:
        return load
    return replace(load, ongoing_requests=express.app.read())


def bounds_of(config: Any) -> RequestBounds:
    """What Serve's config of a deployment says of requests; negative bounds are none there."""
    refusal = config.backpressure_config
    return RequestBounds(
        at_once=config.max_ongoing_requests,
        waiting=config.max_queued_requests if config.max_queued_requests >= 0 else None,
        status=refusal.status_code,
        retry_after_s=refusal.retry_after_s,
    )


def _config() -> Any:
    """What Serve goes by now; it changes while a replica runs."""
    return serve.get_replica_context()._deployment_config  # noqa: SLF001


def _nothing() -> None:
    """Requests pass by Serve, whatever else is configured."""


def _reason_now(timeout_s: float | None) -> Callable[[], str | None]:
    """Says what is asked of Serve now that it does around each request."""
    return lambda: serves_part(timeout_s, dict(_config().logging_config or {}), os.environ)


def _following(
    express: Express, reason: Callable[[], str | None]
) -> Callable[[], Coroutine[Any, Any, None]]:
    async def follow() -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            express.app.follow(bounds_of(_config()))
            express.is_open = reason() is None

    return follow
