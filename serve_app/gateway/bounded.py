"""Answers so many requests at once, lets so many others wait, and counts them in blocks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.core.ongoing import Ongoing
from serve_app.core.ports import Clock
from serve_app.errors import Overloaded
from serve_app.gateway import errors
from serve_app.gateway.context import headers_of

Count = Callable[[str, str], None]
"""Counts an answer by protocol and class of its status."""
FULL = "this gateway answers as many requests as it may, and as many wait; try again later"


@dataclass(frozen=True, slots=True)
class RequestBounds:
    """How many requests one process answers at once, and how many may wait for their turn.

    With `waiting` none there is no bound. What is refused is answered `status`, and told to come
    back after `retry_after_s` seconds, where that is said.
    """

    at_once: int
    waiting: int | None = None
    status: int = 503
    retry_after_s: float | None = None


class Bounded:
    """An application within bounds, which knows how many requests it had at once.

    Requests wait in their order. `count` is told of each that is refused. Times are those of
    `clock`, in seconds.
    """

    def __init__(self, app: ASGIApp, bounds: RequestBounds, count: Count, *, clock: Clock) -> None:
        self._app = app
        self._bounds = bounds
        self._count = count
        self._ongoing = Ongoing(clock=clock)
        self._answering = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the application; Serve names paths after them."""
        routes: list[BaseRoute] = getattr(self._app, "routes", [])
        return routes

    @property
    def requests(self) -> int:
        """How many requests are answered or wait now."""
        return self._ongoing.now

    def read(self) -> float:
        """How many requests there were at once since the last reading, on average over time."""
        return self._ongoing.read()

    def follow(self, bounds: RequestBounds) -> None:
        """Keep other bounds from now on."""
        self._bounds = bounds
        while self._answering < bounds.at_once and self._hand_over():
            self._answering += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request at once, in its turn, or by a refusal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._answering < self._bounds.at_once:
            self._ongoing.change(1)
            self._answering += 1
        elif self._has_room():
            await self._turn()
        else:
            await self._refuse(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._leave()

    def _has_room(self) -> bool:
        most = self._bounds.waiting
        return most is None or len(self._waiting) < most

    async def _turn(self) -> None:
        """Wait until one that is answered hands its place over."""
        turn = asyncio.get_running_loop().create_future()
        self._ongoing.change(1)
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # It has been given a place already.
                self._leave()
            else:
                self._ongoing.change(-1)
                # It may have been passed over already.
                if turn in self._waiting:
                    self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        """Hand a place over to who waits longest; it is free where nobody does."""
        self._ongoing.change(-1)
        if self._answering > self._bounds.at_once or not self._hand_over():
            self._answering -= 1

    def _hand_over(self) -> bool:
        """Whether somebody waits, whose turn it is now."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        return False

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        bounds = self._bounds
        self._count("http", f"{bounds.status // 100}xx")
        again = {} if bounds.retry_after_s is None else {"retry_after_s": bounds.retry_after_s}
        request_id = headers_of(scope).get("x-request-id", "")
        refused = errors.response(Overloaded(FULL, **again), request_id, status=bounds.status)
        await refused(scope, receive, send)
