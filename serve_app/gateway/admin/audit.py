"""Changes and refused attempts in the audit log: before they are made, and what became of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.types import Scope

from serve_app.core.caller import ANONYMOUS
from serve_app.core.ports import Clock, Ids
from serve_app.errors import ClientError, Overloaded, ServeError
from serve_app.gateway.admin.paths import AdminPath
from serve_app.gateway.context import caller_of, headers_of
from serve_app.gateway.entrance import request_id_of
from serve_app.gateway.wish import Attempt
from serve_app.security.audit import AuditEvent, AuditLog, Result, digest_of
from serve_app.security.budget import Budget

Answer = Callable[[Request, AdminPath], Awaitable[Any]]
T = TypeVar("T")
REFUSALS_AT_ONCE = 50.0
REFUSALS_PER_S = 1.0
"""How many refused attempts of one principal, or of strangers at one address, are written down."""
STRANGER = "unauthenticated"
"""What an attempt of somebody whom nobody knows is called, whatever it was meant to do."""
logger = logging.getLogger("serve_app.audit")


class Standing(Protocol):
    """Tells what stands, of which the log keeps digests."""

    async def endpoint(self, name: str) -> Mapping[str, Any]:
        """One endpoint as it is now; raises ServeErrors."""
        ...

    async def model(self, name: str) -> Mapping[str, Any]:
        """One model with its versions and aliases; raises ServeErrors."""
        ...


class AuditedChanges:
    """Lets a change be made once the log has it; `standing` tells what stands before and after.

    Refused attempts are written down as well, of each source so many as `clock` gives seconds for:
    nobody fills the disk with what they may not do.
    """

    def __init__(self, log: AuditLog, standing: Standing, ids: Ids, *, clock: Clock) -> None:
        self._log = log
        self._standing_of = standing
        self._ids = ids
        self._budget = Budget(burst=REFUSALS_AT_ONCE, per_s=REFUSALS_PER_S, clock=clock)
        self._left_out: dict[str, int] = {}

    def around(self, path: AdminPath, answer: Answer) -> Answer:
        """The same handler, audited where it changes something."""
        if path.access != "change":
            return answer

        async def audited(request: Request, path: AdminPath) -> Any:
            event = self._of(request, path)
            return await self.made(event, request.path_params, lambda: answer(request, path))

        return audited

    async def made(
        self, begun: AuditEvent, named: Mapping[str, str], act: Callable[[], Awaitable[T]]
    ) -> T:
        """Do something once it is written down, and write down how that ended.

        `named` has the endpoint or model that it is done to.

        Raises:
            NotReady: it cannot be written down, and is not done.
        """
        begun = replace(begun, before=await self._digest(named))
        number = await asyncio.to_thread(self._log.write, begun)
        ended = replace(begun, of=number, before=None)
        try:
            outcome = await act()
        except ServeError as error:
            result: Result = "refused" if isinstance(error, ClientError) else "failed"
            await self._end(replace(ended, result=result, problem=error.code))
            raise
        except BaseException as error:
            await self._end(replace(ended, result="failed", problem=type(error).__name__))
            raise
        after = await self._digest(named)
        await self._end(replace(ended, result="done", after=after))
        return outcome

    async def refused_path(self, request: Request, path: AdminPath, error: ServeError) -> None:
        """Write down that somebody may not do what a path of the admin API does."""
        await self.refused(self._of(request, path), error)

    async def refused_stranger(self, scope: Scope, error: ServeError) -> None:
        """Write down that somebody whom nobody knows asked something of the admin API."""
        client = scope.get("client")
        request_id = request_id_of(headers_of(scope), self._ids)
        attempt = Attempt(ANONYMOUS, request_id, client[0] if client else "")
        await self.refused(attempt.to(STRANGER, f"{scope['method']} {scope['path']}"), error)

    async def refused(self, event: AuditEvent, error: ServeError) -> None:
        """Write down that something was not begun, since whoever wants it may not do it.

        Of more than the budget has, their number is written once there is room again.
        """
        known = event.actor != ANONYMOUS.name
        source = f"principal {event.actor}" if known else event.source
        try:
            self._budget.spend(source)
        except Overloaded:
            self._left_out[source] = self._left_out.get(source, 0) + 1
            return
        left_out = self._left_out.pop(source, 0)
        if left_out:
            more = f"{left_out} refused attempts before this one are not written down"
            await self._end(replace(event, result="refused", problem=more))
        await self._end(replace(event, result="refused", problem=error.code))

    def _of(self, request: Request, path: AdminPath) -> AuditEvent:
        named, client = request.path_params, request.client
        attempt = Attempt(
            caller_of(request.scope),
            request_id_of(headers_of(request.scope), self._ids),
            "" if client is None else client.host,
        )
        about = " ".join(f"{key} {value}" for key, value in named.items()) or path.path
        return attempt.to(path.handler, about)

    async def _digest(self, named: Mapping[str, str]) -> str | None:
        """The digest of what a change is about, as it stands now; none where that is nothing."""
        try:
            if "endpoint" in named:
                return digest_of(await self._standing_of.endpoint(named["endpoint"]))
            if "model" in named:
                return digest_of(await self._standing_of.model(named["model"]))
        except (ServeError, ValueError):
            return None
        return None

    async def _end(self, event: AuditEvent) -> None:
        try:
            await asyncio.to_thread(self._log.write, event)
        except ServeError as error:
            # It is done, or refused, whatever becomes of this line.
            logger.error("the end of a change is not in the audit log: %s", error.message)
