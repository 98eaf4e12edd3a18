"""What a caller sends by gRPC is within its limits, as `limiting` sees to it for HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from serve_app.errors import RateLimited
from serve_app.gateway.limiting import HELD_S, Count, Sleep
from serve_app.gateway.rpc_access import caller_of
from serve_app.security.limits import Limiter

Method = Callable[[Any, Any], Awaitable[Any]]
Around = Callable[[str, Method], Method]
"""Puts something around what answers a method, by its name."""


def limited_methods(around: Around, limiter: Limiter | None, count: Count) -> Around:
    """What is put around methods with the limits inside of it; as it is where nobody is limited."""
    if limiter is None:
        return around
    limits = LimitedMethods(limiter, count)
    return lambda name, method: around(name, limits(name, method))


class LimitedMethods:
    """Puts the limits of callers around what answers methods."""

    def __init__(self, limiter: Limiter, count: Count, *, sleep: Sleep = asyncio.sleep) -> None:
        self._limiter = limiter
        self._count = count
        self._sleep = sleep

    def __call__(self, _name: str, method: Method) -> Method:
        """The method, which is called where its caller is within its limits."""

        async def call(request: Any, context: Any) -> Any:
            caller = caller_of(context)
            try:
                self._limiter.enter(caller, request.ByteSize())
            except RateLimited as error:
                self._count("grpc", grpc.StatusCode.RESOURCE_EXHAUSTED.name)
                await self._sleep(HELD_S)
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, error.message)
            try:
                return await method(request, context)
            finally:
                self._limiter.leave(caller)

        return call
