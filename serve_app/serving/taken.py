"""Waits until gateways answer under a snapshot."""

import asyncio
import time

from serve_app.control.gateways import Gateways

TAKEN_WITHIN_S = 3.0
"""How long it is waited until every gateway has taken a new snapshot."""
TAKEN_PAUSE_S = 0.02


async def taken(gateways: Gateways, version: int) -> list[str]:
    """The gateways that do not answer under a snapshot yet, once all do or time is up."""
    deadline = time.monotonic() + TAKEN_WITHIN_S
    while True:
        behind = gateways.behind(version)
        if not behind or time.monotonic() > deadline:
            return behind
        await asyncio.sleep(TAKEN_PAUSE_S)
