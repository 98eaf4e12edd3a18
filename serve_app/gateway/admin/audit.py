"""Changes by the admin API in the audit log: before they are made, and what became of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.ports import Ids
from serve_app.errors import ClientError, ServeError
from serve_app.gateway.admin.actions import AdminActions
from serve_app.gateway.admin.paths import AdminPath
from serve_app.gateway.context import headers_of
from serve_app.gateway.entrance import request_id_of
from serve_app.security.audit import AuditEvent, AuditLog, Result, digest_of

Answer = Callable[[Request, AdminPath], Awaitable[Any]]
logger = logging.getLogger("serve_app.audit")


class AuditedChanges:
    """Lets a change be made once the log has it; `actions` tell what stands before and after."""

    def __init__(self, log: AuditLog, actions: AdminActions, ids: Ids) -> None:
        self._log = log
        self._actions = actions
        self._ids = ids

    def around(self, path: AdminPath, answer: Answer) -> Answer:
        """The same handler, audited where it changes something."""
        if path.access != "change":
            return answer

        async def audited(request: Request, path: AdminPath) -> Any:
            begun = await self._begun(request, path)
            number = await asyncio.to_thread(self._log.write, begun)
            ended = replace(begun, of=number, before=None)
            try:
                body = await answer(request, path)
            except ServeError as error:
                result: Result = "refused" if isinstance(error, ClientError) else "failed"
                await self._end(replace(ended, result=result, problem=error.code))
                raise
            except BaseException as error:
                await self._end(replace(ended, result="failed", problem=type(error).__name__))
                raise
            after = await self._standing(request)
            await self._end(replace(ended, result="done", after=after))
            return body

        return audited

    async def _begun(self, request: Request, path: AdminPath) -> AuditEvent:
        caller: Caller = request.scope.get("caller", ANONYMOUS)
        named = request.path_params
        client = request.client
        return AuditEvent(
            action=path.handler,
            object=" ".join(f"{key} {value}" for key, value in named.items()) or path.path,
            result="begun",
            actor=caller.name,
            tenant=caller.tenant,
            request=request_id_of(headers_of(request.scope), self._ids),
            source="" if client is None else client.host,
            before=await self._standing(request),
        )

    async def _standing(self, request: Request) -> str | None:
        """The digest of what a request is about, as it stands now; none where that is nothing."""
        named = request.path_params
        try:
            if "endpoint" in named:
                return digest_of(await self._actions.endpoint(named["endpoint"]))
            if "model" in named:
                return digest_of(await self._actions.model(named["model"]))
        except (ServeError, ValueError):
            return None
        return None

    async def _end(self, event: AuditEvent) -> None:
        try:
            await asyncio.to_thread(self._log.write, event)
        except ServeError as error:
            # It is done, and the log has that it was begun.
            logger.error("the end of a change is not in the audit log: %s", error.message)
