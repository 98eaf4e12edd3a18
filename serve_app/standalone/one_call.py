"""One body answered as `/invocations` answers it, by a version in this process; nobody listens.

The body may be as large as it is, and has the time that it takes. Columns that the version does
not take are left out, since files hold more than requests do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from serve_app.config import GatewayArgs
from serve_app.standalone.application import Application
from serve_app.standalone.asgi_call import Call, ask
from serve_app.standalone.declaration import Declared
from serve_app.standalone.direct import error_of
from serve_app.standalone.places import place_of
from serve_app.standalone.settings import RunSettings

_ENDPOINT = "model"
_NO_VARIABLES: Mapping[str, str] = {}
_DAY_S = 86_400.0
"""No file takes longer."""


def settings_of(registry: str, *, allows_pickle: bool) -> RunSettings:
    """Settings of a process that answers one body by a version of a registry."""
    return RunSettings(
        place_of(_NO_VARIABLES),
        models=registry,
        default_endpoint=_ENDPOINT,
        allows_pickle=allows_pickle,
    )


async def answered(settings: RunSettings, version: str, body: bytes, content_type: str) -> bytes:
    """What a version (`churn@3`) answers to a body.

    Raises:
        ServeError: what a request with that body is refused with, or the version cannot be loaded.
    """
    declared = Declared(_endpoints(version), _bounds(len(body)))
    application = Application(settings, clock=time.monotonic, declared=declared)
    try:
        await application.load()
        call = Call("POST", "/invocations", body, {"content-type": content_type})
        answer = await ask(application, call)
    finally:
        await application.close()
    if answer.status >= 400:
        raise error_of(answer)
    return answer.body


def _endpoints(version: str) -> dict[str, object]:
    endpoint = {
        "route": {"kind": "single", "model": version},
        "schema": {"unknown": "ignore"},
        "timeout_s": _DAY_S,
    }
    return {"endpoints": {_ENDPOINT: endpoint}}


def _bounds(size: int) -> GatewayArgs:
    """Bounds that a body of a size keeps: a row has a byte at least."""
    return GatewayArgs(max_body_bytes=size + 1, max_rows=size + 1)
