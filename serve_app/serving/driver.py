"""Calls from outside the cluster, such as the command line's."""

import asyncio
import logging
from typing import Any

import ray

from serve_app.errors import NotReady
from serve_app.serving.cluster import Running
from serve_app.serving.control import control_handle
from serve_app.serving.handles import translate

TIMEOUT_S = 20.0


def ask_control(running: Running, method: str, *arguments: Any) -> Any:
    """Call one of control's methods from a process that is no replica.

    The process must have taken on the cluster's environment before it imported Ray.

    Raises:
        ServeError: control refused, in its own words, or does not answer.
    """
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    ray.init(
        address=running.address, namespace="serve", log_to_driver=False, logging_level=logging.ERROR
    )
    try:
        return asyncio.run(_call(method, arguments))
    except TimeoutError:
        raise NotReady("control does not answer; see serve-app status") from None
    except Exception as error:
        raise translate(error, "control") from error
    finally:
        ray.shutdown()


async def _call(method: str, arguments: tuple[Any, ...]) -> Any:
    async with asyncio.timeout(TIMEOUT_S):
        return await control_handle().options(method_name=method).remote(*arguments)
