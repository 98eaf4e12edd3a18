"""`X-Vertex-Ai-Triton-Redirect`: a request to Vertex AI's one path that means another of Triton's.

https://github.com/triton-inference-server/server/blob/main/src/vertex_ai_server.cc says which: to
predict and to look, and nothing that changes the server.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.errors import BadEncoding, NotPermitted
from serve_app.gateway import errors
from serve_app.gateway.context import GatewayContext
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.gateway.profiles import oip
from serve_app.protocols.oip import tensor_bodies
from serve_app.protocols.oip import words as oip_words

HEADER = b"x-vertex-ai-triton-redirect"
_PART = "[^/?#]+"
_MODEL = f"v2/models/{_PART}(/versions/{_PART})?"
_PERMITTED = {
    "POST": re.compile(f"{_MODEL}/infer|v2/repository(/{_PART})?/index"),
    "GET": re.compile(
        f"v2(/health/(live|ready))?|v2/models(/stats)?|{_MODEL}(/(ready|config|stats))?"
        f"|v2/(system|cuda)sharedmemory(/region/{_PART})?/status"
    ),
}
"""What may be asked so, and by which method Triton answers it."""
_CHANGES = re.compile(r"v2/(system|cuda)sharedmemory/.*|v2/repository/.*/(load|unload)")
_REFUSE = oip_words.only_error("triton")
_PROFILE = Profile(
    predictions=tuple(
        DialectPath(f"{place}/infer", tensor_bodies.REDIRECTED) for place in oip.PLACES
    ),
    pages=oip.pages,
    refuse=_REFUSE,
)


class Destination(NamedTuple):
    """Where a request is sent on to."""

    method: str
    path: str


def destination(named: str) -> Destination:
    """The page that the header names.

    Raises:
        NotPermitted: it changes something.
        BadEncoding: it is none of Triton's.
    """
    target = named.removeprefix("/")
    parts = [unquote(part) for part in target.split("/")]
    plain = all(
        part.isprintable() and "/" not in part and part not in {".", ".."} for part in parts
    )
    for method, permitted in _PERMITTED.items():
        if plain and permitted.fullmatch(target):
            return Destination(method, "/" + "/".join(parts))
    if _CHANGES.fullmatch(target):
        msg = f"X-Vertex-Ai-Triton-Redirect is {named[:80]!r}; what changes the server is not asked"
        raise NotPermitted(msg)
    msg = (
        f"X-Vertex-Ai-Triton-Redirect is {named[:80]!r}; it may be v2/models/<model>/infer, "
        "v2/models/<model>, …/ready, …/config, …/stats, v2, v2/health/ready or v2/repository/index"
    )
    raise BadEncoding(msg)


class Redirects:
    """Answers the page that the header names, and without it as usual."""

    def __init__(self, usual: ASGIApp, context: GatewayContext) -> None:
        self._usual = usual
        self._triton = _PROFILE.app(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        named = headers.get(HEADER)
        if named is None:
            await self._usual(scope, receive, send)
            return
        try:
            method, path = destination(named.decode("latin-1").strip())
        except (BadEncoding, NotPermitted) as error:
            identity = headers.get(b"x-request-id", b"").decode("latin-1")
            refused = errors.response(error, identity, refuse=_REFUSE)
            await refused(scope, receive, send)
            return
        there = {"method": method, "path": path, "raw_path": path.encode(), "root_path": ""}
        await self._triton.answer({**scope, **there, "query_string": b""}, receive, send)
