"""Who visits the console: cookies in, who is known by them, and cookies out."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Literal
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.console.paths import PATHS, PREFIX
from serve_app.core.caller import CREDENTIALS
from serve_app.errors import BadEncoding
from serve_app.gateway.access import NOBODY, Gate, Shown, Witness, protect
from serve_app.gateway.context import CALLER, headers_of
from serve_app.security.sessions import SESSION_S, Sessions

VISIT, SESSION = "serve_app_visit", "serve_app_session"
"""The names of both cookies."""
LOGIN = f"{PREFIX}/login"
_PUBLIC = frozenset(path.whole for path in PATHS if path.access == "public")
_SCOPE = "console.visit"
_GATE = "console"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser sent: `session` is empty where nobody has logged in, or no more."""

    visit: str
    session: str


def visit_of(scope: Scope) -> Visit:
    """The visit of a request that came through `Entry`."""
    visit: Visit = scope[_SCOPE]
    return visit


def set_cookie(
    response: Response,
    name: str,
    value: str,
    *,
    is_secure: bool,
    lasts_s: float = SESSION_S,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Let a browser keep a cookie for the console alone; an empty one is taken away."""
    response.set_cookie(
        name,
        value,
        max_age=int(lasts_s) if value else 0,
        path=PREFIX,
        secure=is_secure,
        httponly=True,
        samesite=samesite,
    )


def shown_by(credential: str) -> Shown:
    """The header by which a program would show the same key or token.

    Raises:
        BadEncoding: no header can hold it.
    """
    if not credential.isascii() or not credential.isprintable() or " " in credential:
        raise BadEncoding("a key has letters, digits, `_`, `-` and `.` alone")
    return [(b"authorization", f"Bearer {credential}".encode())]


class Entry:
    """Stands before the pages: makes of a session what a program would show, for the gate.

    People whom nobody knows are sent to the page where they log in. Without a `gate` everybody may
    ask, and nobody logs in.
    """

    def __init__(
        self,
        pages: ASGIApp,
        sessions: Sessions,
        gate: Gate | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._pages = pages
        self._sessions = sessions
        self._gate = gate
        self._known = protect(pages, gate, _GATE, witness)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, as whoever it is from."""
        cookies = cookies_of(scope)
        visit = cookies.get(VISIT, "")
        session = cookies.get(SESSION, "")
        credential = self._sessions.credential(session) if session else None
        scope = {**scope, _SCOPE: Visit(visit, session if credential else "")}
        if self._gate is None or scope["path"] in _PUBLIC:
            scope["headers"] = _without_proof(scope)
            if self._gate is not None:
                scope[CALLER] = NOBODY
            await self._pages(scope, receive, send)
            return
        shows = any(name.decode("latin-1") in CREDENTIALS for name, _ in scope["headers"])
        if not shows and credential is not None:
            scope["headers"] = [*scope["headers"], *shown_by(credential)]
        elif not shows and not self._gate.certificates:
            await to_login(scope)(scope, receive, send)
            return
        await self._known(scope, receive, self._watched(scope, receive, send, shows=shows))

    def _watched(self, scope: Scope, receive: Receive, send: Send, *, shows: bool) -> Send:
        """Sends an answer on; a browser whose session counts no more is sent to log in."""
        redirected = False

        async def watched(message: Message) -> None:
            nonlocal redirected
            if message["type"] == "http.response.start" and message["status"] == 401 and not shows:
                redirected = True
                await to_login(scope)(scope, receive, send)
            elif not redirected:
                await send(message)

        return watched


def to_login(scope: Scope) -> Response:
    """The answer that leads to the page where people log in, and back to where they were."""
    headers = {"location": f"{LOGIN}?next={page_of(scope)}", "cache-control": "no-store"}
    response = Response(status_code=303, headers=headers)
    set_cookie(response, SESSION, "", is_secure=scope["scheme"] == "https")
    return response


def page_of(scope: Scope) -> str:
    """The address of the page that is asked for, or from which a form is sent: the one above."""
    path: str = scope["path"].rstrip("/")
    if scope["method"] not in {"GET", "HEAD"}:
        path = path.rpartition("/")[0]
    return _quoted(path or PREFIX)


def own_place(text: str) -> str:
    """A place of the console that somebody wants to go on to; its first page for all others."""
    parts = text.split("/")
    is_own = text == PREFIX or text.startswith(f"{PREFIX}/")
    if not is_own or ".." in parts or not text.isprintable() or "\\" in text or "//" in text:
        return PREFIX
    return _quoted(text)


def _quoted(text: str) -> str:
    return quote(text, safe="/")


def _without_proof(scope: Scope) -> Shown:
    return [pair for pair in scope["headers"] if pair[0].decode("latin-1") not in CREDENTIALS]


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies of a request; none where they are in no order."""
    header = headers_of(scope).get("cookie", "")
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
