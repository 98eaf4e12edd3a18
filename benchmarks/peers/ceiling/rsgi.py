"""The same answers behind granian, a server in Rust, by its own interface.

Settings: one worker per core with one thread of its runtime, uvloop, no access log.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.ceiling.census import answered

_HEADERS = [("content-type", "application/json")]


async def app(_scope: Any, protocol: Any) -> None:
    """Answer every request as a prediction."""
    protocol.response_bytes(200, _HEADERS, answered(await protocol()))
