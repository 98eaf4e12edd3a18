"""Requests begin in their caller's turn, once their bodies are here: whoever sends slowly has none.

Before its body is read a request costs next to nothing; what waits for its turn costs nothing.
"""

from __future__ import annotations

from starlette.types import Message, Receive

from serve_app.core.sharing import Turn


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
