"""What a caller sends is within its limits before anything of it is read: a layer of ASGI.

It stands inside the access layer, which says who asks. Where nobody is limited there is no layer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.config.limits import BURST_S, LimitSettings, LimitsSettings
from serve_app.core.caller import Caller
from serve_app.core.ports import Clock
from serve_app.errors import RateLimited
from serve_app.gateway import errors
from serve_app.gateway.context import caller_of
from serve_app.security.limits import DistinctLimit, Limit, Limiter, Limits, Rate
from serve_app.security.quotas import Ask, Quotas

Count = Callable[[str, str], None]
"""Counts an answer by protocol and class of its status."""
Sleep = Callable[[float], Awaitable[None]]
MOST_HELD = 256
"""So many refusals are held back at once; those beyond are sent at once."""
TOO_MANY = 429
HELD_S = 0.25
"""So long a refusal is held back: who asks again at once would occupy the process by that."""


class Limited:
    """Lets requests through whose callers are within their limits, and says what is left."""

    def __init__(
        self,
        app: ASGIApp,
        limiter: Limiter,
        count: Count,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Put the layer around `app`; `count` is told of refusals by protocol and class."""
        self._app = app
        self._limiter = limiter
        self._count = count
        self._sleep = sleep
        self._held = 0

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the application; Serve names paths after them."""
        routes: list[BaseRoute] = getattr(self._app, "routes", [])
        return routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller, size_bytes = caller_of(scope), _declared(scope)
        try:
            self._limiter.enter(caller, size_bytes or 0)
        except RateLimited as error:
            await self._refuse(error, caller, scope, receive, send)
            return
        try:
            if size_bytes is None:
                receive = self._counted(caller, receive)
            await self._app(scope, receive, self._telling(caller, send))
        finally:
            self._limiter.leave(caller)

    def _counted(self, caller: Caller, receive: Receive) -> Receive:
        """A body of which nobody said how long it is."""

        async def counted() -> Message:
            message = await receive()
            self._limiter.take_bytes(caller, len(message.get("body", b"")))
            return message

        return counted

    def _telling(self, caller: Caller, send: Send) -> Send:
        """Answers with what is left to the caller."""

        # No coroutine of its own, which would be one more for each part of every answer.
        def telling(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                left = self._limiter.headers(caller)
                if left:
                    message["headers"] = [*message.get("headers", ()), *left]
                if message["status"] == TOO_MANY:
                    return self._late(message, send)
            return send(message)

        return telling

    async def _late(self, message: Message, send: Send) -> None:
        await self._hold()
        await send(message)

    async def _hold(self) -> None:
        if self._held < MOST_HELD:
            self._held += 1
            try:
                await self._sleep(HELD_S)
            finally:
                self._held -= 1

    async def _refuse(
        self, error: RateLimited, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._count("http", "4xx")
        request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        await errors.response(error, request_id)(scope, receive, self._telling(caller, send))


def _declared(scope: Scope) -> int | None:
    """The length of a body in bytes as its head says it; None where it says nothing of it."""
    chunked = False
    # Most say it, and in the middle of their headers: one by one is quicker than all of them.
    for name, value in scope["headers"]:
        if name == _LENGTH and value.isdigit():
            return int(value)
        chunked = chunked or name == _ENCODING
    # Without either there is no body.
    return None if chunked else 0


_LENGTH = b"content-length"
_ENCODING = b"transfer-encoding"


def limited(app: ASGIApp, limiter: Limiter | None, count: Count) -> ASGIApp:
    """The application behind a limiter; itself where nobody is limited."""
    return app if limiter is None else Limited(app, limiter, count)


def limiter_of(
    settings: LimitsSettings | None, clock: Clock, ask: Ask | None = None
) -> Limiter | None:
    """What keeps callers within the limits of a config; none where there are none.

    `ask` leases rows of a day, where that is in this process.
    """
    if settings is None:
        return None
    limits, quotas = limits_of(settings), None
    if limits.have_quotas:
        allows = settings.on_unknown == "allow"
        quotas = Quotas(clock=clock, allow_unknown=allows, ask=ask)
    return Limiter(limits, clock=clock, quotas=quotas)


def limits_of(settings: LimitsSettings) -> Limits:
    """The limits that a config says; a principal of its own name has what `default` leaves open."""
    own = {name: _limit(one, settings.default) for name, one in settings.principals.items()}
    return Limits(_limit(settings.default, LimitSettings()), own)


def _limit(settings: LimitSettings, other: LimitSettings) -> Limit:
    rows = settings if settings.rows_per_s is not None else other
    size = settings if settings.bytes_per_s is not None else other
    in_flight = settings.in_flight if settings.in_flight is not None else other.in_flight
    return Limit(
        _rate(rows.rows_per_s, rows.burst_rows),
        _rate(size.bytes_per_s, size.burst_bytes),
        in_flight,
        settings.rows_per_day or other.rows_per_day,
        _distinct(settings, other),
    )


def _distinct(settings: LimitSettings, other: LimitSettings) -> DistinctLimit | None:
    most = settings.distinct_rows_per_day or other.distinct_rows_per_day
    alarm = settings.distinct_rows_alarm or other.distinct_rows_alarm
    return DistinctLimit(most, alarm) if most or alarm else None


def _rate(per_s: float | None, burst: float | None) -> Rate | None:
    return None if per_s is None else Rate(per_s, burst or BURST_S * per_s)
