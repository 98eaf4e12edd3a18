"""Calls of the methods of other applications, bounded in time, with errors of ours."""

import asyncio
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.errors import NotReady
from serve_app.serving.handles import translate


async def answer_of(
    handle: DeploymentHandle[Any], *arguments: Any, timeout_s: float, who: str, silence: str
) -> Any:
    """The answer to a call, which is cancelled where it takes longer; `silence` says so then.

    Raises:
        ServeError: it was refused, in the words of `who` was called, or nobody answers.
    """
    try:
        response = handle.remote(*arguments)
    except Exception as error:
        raise translate(error, who) from error
    try:
        # Serve waits for a replica for as long as it takes.
        async with asyncio.timeout(timeout_s):
            return await response
    except TimeoutError:
        response.cancel()  # type: ignore[no-untyped-call]
        raise NotReady(silence) from None
    except Exception as error:
        raise translate(error, who) from error
