"""Azure Functions' Python model: `from serve_app.standalone.azure_functions import app`.

The name `app` is made when it is first looked up; the model is loaded before the first request
is answered, on the loop that answers it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.errors import ConfigError

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
        msg = "Azure's Python model needs azure-functions: pip install 'serve-app[azure]'"
        raise ConfigError(msg) from error
    return AsgiFunctionApp(app, http_auth_level=AuthLevel.FUNCTION, function_name="serve_app")
