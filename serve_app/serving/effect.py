"""What is in effect, as control knows it, for pages of the gateway."""

import asyncio
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.errors import NotReady
from serve_app.serving.handles import translate

TIMEOUT_S = 10.0


class Effect:
    """Asks control what is in effect; `handle` is that of its method."""

    def __init__(self, handle: DeploymentHandle[Any], *, timeout_s: float = TIMEOUT_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self) -> dict[str, Any]:
        """What control says.

        Raises:
            NotReady: control does not answer.
        """
        asked = self._handle.remote()
        try:
            async with asyncio.timeout(self._timeout_s):
                said: dict[str, Any] = await asked
        except TimeoutError:
            asked.cancel()  # type: ignore[no-untyped-call]
            raise NotReady("control does not answer yet") from None
        except Exception as error:
            raise translate(error, "control") from error
        return said
