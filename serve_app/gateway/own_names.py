"""A port that only this machine reaches answers to this machine's names alone.

Else a page of a stranger could let its own name lead here (DNS rebinding), and a browser would take
what it asks for the page's own. Where callers have to prove who they are, no page can.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.core.hosts import EVERY_NAME, is_loopback, is_own, without_port
from serve_app.errors import NotPermitted
from serve_app.gateway import errors
from serve_app.gateway.context import headers_of


class OwnNames:
    """Refuses requests whose `Host` is neither a name of this machine nor one of `allowed`."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            headers = headers_of(scope)
            name = without_port(headers.get("host"))
            if name is not None and not is_own(name) and name.lower() not in self._allowed:
                refused = NotPermitted(
                    f"this port answers to this machine's own names alone, and not to "
                    f"{name[:80]!r}; `allowed_hosts` in the gateway's args lists others"
                )
                answer = errors.response(refused, headers.get("x-request-id", ""))
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def under_own_names(app: ASGIApp, host: str, allowed: Collection[str]) -> ASGIApp:
    """The application as it answers on an address: itself where others reach that too."""
    if EVERY_NAME in allowed or not is_loopback(host):
        return app
    return OwnNames(app, allowed)
