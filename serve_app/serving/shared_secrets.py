"""Secrets that all gateways of a cluster have: control draws each of them once, and keeps it.

Gateways on other machines than control have state stores of their own where state is a folder.
"""

import asyncio
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from serve_app.errors import InvalidInput, ServeError
from serve_app.storage.monitor_state import MonitorState

PREDICTION_IDS = "prediction-ids"
"""By it identifiers of predictions say whose they are."""
DISTINCT_ROWS = "distinct-rows-secret"
"""By it different rows are hashed."""
CONSOLE_SESSIONS = "console-sessions"
"""By it sessions of the console are sealed."""
SECRET_BYTES = 32
PAUSE_S = 1.0
"""How soon control is asked again that did not answer."""
PERIOD_S = 60.0
"""How often it is looked whether control has another one, since it lost its state store."""
Take = Callable[[bytes], Awaitable[None]]
Sleep = Callable[[float], Coroutine[Any, Any, None]]
logger = logging.getLogger("serve_app.gateway")


class SecretSource(Protocol):
    """Who knows the secrets of a cluster."""

    async def shared_secret(self, name: str) -> str:
        """A secret as hexadecimal digits; raises ServeError where nobody answers."""
        ...


async def drawn_secret(state: str, name: str) -> str:
    """A secret as a state store has it: the first one that anybody drew.

    Raises:
        InvalidInput: there is none of that name.
        RegistryFailed: the store cannot be read, or not written where there is no secret.
    """
    if name not in {PREDICTION_IDS, DISTINCT_ROWS, CONSOLE_SESSIONS}:
        raise InvalidInput(f"gateways share no secret called {name!r}")
    drawn = secrets.token_hex(SECRET_BYTES)
    known: str = await asyncio.to_thread(MonitorState(state).first, name, drawn)
    return known


def follow_secret(
    control: SecretSource, name: str, take: Take, *, sleep: Sleep = asyncio.sleep
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Background work of a gateway that takes a secret as control has it."""
    return functools.partial(_follow_for_ever, control, name, take, sleep)


async def _follow_for_ever(control: SecretSource, name: str, take: Take, sleep: Sleep) -> None:
    while True:
        pause_s = PERIOD_S
        try:
            await take(bytes.fromhex(await control.shared_secret(name)))
        except ServeError as error:
            logger.info("control tells no secret", extra={"why": type(error).__name__})
            pause_s = PAUSE_S
        await sleep(pause_s)
