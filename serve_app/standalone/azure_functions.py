"""Azure Functions' Python model: `from serve_app.standalone.azure_functions import app`.

The name `app` is made when it is first looked up; the model is loaded before the first request
is answered, on the loop that answers it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.core.extras import missing
from serve_app.errors import ConfigError
from serve_app.standalone.application import build
from serve_app.standalone.settings import RunSettings

if TYPE_CHECKING:
    from azure.functions import AsgiFunctionApp

Step = Callable[[], Awaitable[None]]
"""What has to be done before the first request, or after the last."""


class WithLifespan:
    """An application that is loaded when its server starts, and closed when that ends.

    What fails while it is loaded is told to the server in words.
    """

    def __init__(self, app: ASGIApp, *, load: Step, close: Step) -> None:
        self._app = app
        self._load = load
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through a server's start and end."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        try:
            await self._load()
        except Exception as error:  # noqa: BLE001 - the server says it
            message = f"{type(error).__name__}: {error}"
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})


def function_app(app: ASGIApp) -> AsgiFunctionApp:
    """The function app in front of an application: one function that answers every path.

    Raises:
        ConfigError: the package azure-functions is not installed.
    """
    try:
        from azure.functions import AsgiFunctionApp, AuthLevel  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError(missing(error) or str(error)) from error
    return AsgiFunctionApp(app, http_auth_level=AuthLevel.FUNCTION, function_name="serve_app")


def _from_environment() -> AsgiFunctionApp:
    application = build(RunSettings.from_environment(os.environ), clock=time.monotonic)
    return function_app(WithLifespan(application, load=application.load, close=application.close))


def __getattr__(name: str) -> Any:
    """`app`, made once, when Azure's worker looks it up."""
    if name != "app":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    made = globals()["app"] = _from_environment()
    return made
