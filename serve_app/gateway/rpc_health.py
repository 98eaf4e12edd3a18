"""Whether requests can be taken now, by the health protocol of gRPC.

Everybody may watch that. gRPC's own servicer waits for each of those who do, one after the other,
so that a single one who reads nothing would keep a gateway from following who is alive, and from
its end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serve_app.gateway.rpc_access import peer_of

MOST_WATCHING = 4096
"""So many may watch at once; each takes some kilobytes."""
MOST_OF_ONE = 64
"""So many of them from one address."""
TOO_MANY = "too many watch this already; ask by Check"
_STATES = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):
    """Tells the state of some services, and whoever watches of each change; waits for nobody."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = tuple(services)
        self._state: int = _STATES.NOT_SERVING
        self._changed = asyncio.Event()
        self._is_ending = False
        self._watching: Counter[str] = Counter()

    def follow(self, *, is_ready: bool) -> None:
        """Say whether requests are taken from now on; none are once it ends."""
        state = _STATES.SERVING if is_ready and not self._is_ending else _STATES.NOT_SERVING
        if state != self._state:
            self._state = state
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    def end(self) -> None:
        """Say for good that no requests are taken any more."""
        self._is_ending = True
        self.follow(is_ready=False)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """The state of a service."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return _answer(self._state)

    async def List(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's name
        """The states of all services."""
        kind: Any = health_pb2  # whose stubs do not know this yet
        states = {name: _answer(self._state) for name in self._services}
        return kind.HealthListResponse(statuses=states)

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - gRPC's name
        """Tell the state of a service, and each that comes after it."""
        source = peer_of(context)
        if self._watching[source] >= MOST_OF_ONE or self._watching.total() >= MOST_WATCHING:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, TOO_MANY)
        self._watching[source] += 1
        try:
            await self._tell(request.service, context)
        finally:
            self._watching[source] -= 1
            if not self._watching[source]:
                del self._watching[source]

    async def _tell(self, service: str, context: Any) -> None:
        last = None
        while True:
            changed = self._changed
            state = self._state if service in self._services else _STATES.SERVICE_UNKNOWN
            if state != last:
                await context.write(_answer(state))
                last = state
            await changed.wait()


def _answer(state: int) -> Any:
    kind: Any = _STATES  # whose stubs take no numbers
    return kind(status=state)
