"""Requests begin in their caller's turn, once their bodies are here: whoever sends slowly has none.

Before its body is read a request costs next to nothing; what waits for its turn costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.errors import DeadlineExceeded

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

    from serve_app.core.sharing import Turn

TURN = "turn"
"""Where a scope has the turn of its request, where there are any."""


def in_turn(turn: Turn, receive: Receive) -> Receive:
    """The same `receive`, whose last part of a body comes once it is the request's turn."""

    async def received() -> Message:
        message = await receive()
        if not turn.has_begun and message["type"] == "http.request":
            turn.size_bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                await turn.begin()
        return message

    return received


def left_of(timeout_s: float | None, scope: Scope) -> float | None:
    """What is left of the time that a client gave, once it is its request's turn.

    Raises:
        DeadlineExceeded: nothing is.
    """
    turn: Turn | None = scope.get(TURN)
    if timeout_s is None or turn is None:
        return timeout_s
    left_s = timeout_s - turn.waited_s
    if left_s <= 0:
        msg = f"it was not this request's turn within {timeout_s:g} s: send fewer at once"
        raise DeadlineExceeded(msg)
    return left_s
