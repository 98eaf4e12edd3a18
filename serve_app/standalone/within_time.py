"""Answers before a platform ends the request that it gave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.errors import DeadlineExceeded
from serve_app.gateway import errors
from serve_app.gateway.entrance import TIMEOUT

ANSWERING_S = 0.2
"""Seconds that are kept for writing and handing over an answer."""
_LEAST_S = 0.001
_SHARE = 0.9
"""What of its time a request may compute; the rest is for the refusal in the dialect's words."""
_NAME = TIMEOUT.encode()


class WithinTime:
    """Gives every request the time that its platform leaves, and refuses it when that is over.

    `left_s` tells from a request's scope how many seconds there are; none is no limit. The
    client's own limit holds where it is shorter.
    """

    def __init__(self, app: ASGIApp, left_s: Callable[[Scope], float | None]) -> None:
        self._app = app
        self._left_s = left_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request in time."""
        left_s = self._left_s(scope) if scope["type"] == "http" else None
        if left_s is None:
            await self._app(scope, receive, send)
            return
        time_s = max(_LEAST_S, left_s - ANSWERING_S)
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        limited = {**scope, "headers": _limited(scope["headers"], time_s * _SHARE)}
        try:
            async with asyncio.timeout(time_s):
                await self._app(limited, receive, noted)
        except TimeoutError:
            if has_begun:
                raise
            over = DeadlineExceeded("the function's time was over before there was an answer")
            await errors.response(over, _request_id(limited))(limited, receive, send)


def _limited(headers: list[tuple[bytes, bytes]], time_s: float) -> list[tuple[bytes, bytes]]:
    """The headers with the time that is left, unless the client's is shorter or no number."""
    given = next((value for name, value in headers if name == _NAME), None)
    try:
        if given is not None and not float(given) > time_s:
            return headers
    except ValueError:
        # The gateway says what is wrong with it.
        return headers
    kept = [(name, value) for name, value in headers if name != _NAME]
    return [*kept, (_NAME, b"%.3f" % max(_LEAST_S, time_s))]


def _request_id(scope: Scope) -> str:
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"),
        "",
    )
