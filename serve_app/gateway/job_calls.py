"""What all paths of jobs share: who may, what is written down, and who takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serve_app.errors import InvalidInput, NotFound, ServeError
from serve_app.gateway import bodies
from serve_app.gateway.context import GatewayContext, caller_of, headers_of
from serve_app.gateway.foreign_pages import refuse_foreign
from serve_app.gateway.job_door import JobDoor, NamedJobs
from serve_app.gateway.wish import Attempt

SEE, CHANGE = "read:jobs", "admin:jobs"
"""What callers must be allowed to see how jobs stand, and to submit and end them."""
NO_STORE = {"cache-control": "no-store"}
Answer = Callable[[Request, JobDoor], Awaitable[Response]]


class JobCalls:
    """Lets those in who may, and has changes written down."""

    def __init__(self, context: GatewayContext) -> None:
        self.context = context
        self._door = context.jobs

    def answering(self, answer: Answer, action: str) -> Callable[[Request], Awaitable[Response]]:
        """The same as a handler of Starlette's, for those who may."""

        async def handle(request: Request) -> Response:
            try:
                await self._let_in(request, action)
                response = await answer(request, self._opened())
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
                response = self.context.refused(request, error)
            response.headers.update(NO_STORE)
            return response

        return handle

    async def body(self, request: Request, accepted: frozenset[str]) -> bytes:
        """The body of a request.

        Raises:
            ClientError: it is too large, too slow, or of another type.
        """
        return await bodies.read(
            request.receive,
            headers_of(request.scope),
            max_bytes=self.context.settings.max_body_bytes,
            accepted=accepted,
            offload=self.context.predictor.offload,
        )

    async def changed(
        self, request: Request, action: str, subject: str, act: Callable[[], Any]
    ) -> Any:
        """Do something in a thread, once the audit log has it, where there is one."""

        async def acted() -> Any:
            return await asyncio.to_thread(act)

        audited = None if self._door is None else self._door.audited
        if audited is None:
            return await acted()
        return await audited.made(_attempt(request).to(action, subject), {}, acted)

    def sees_values(self, request: Request) -> bool:
        """Whether who asks may see values of rows."""
        return caller_of(request.scope).grants.allow_everywhere(CHANGE)

    def version_of(self, request: Request, endpoint: str) -> tuple[str, str | None]:
        """The version that answers for an endpoint, and the transformer before it, if any.

        Raises:
            NotFound: who asks knows of no such endpoint.
            InvalidInput: several versions answer for it.
        """
        spec = self.context.stages_for(request).endpoint(endpoint).spec
        chosen = [one.version for one in spec.variants if one.weight > 0]
        if len(chosen) != 1 or len(spec.variants) != 1:
            listed = ", ".join(one.version for one in spec.variants)
            msg = (
                f"endpoint {endpoint[:80]!r} is answered by several versions ({listed}), and a job "
                "by one: name that as the model"
            )
            raise InvalidInput(msg)
        return chosen[0], None if spec.preprocess is None else spec.preprocess.version

    def version_meant(self, request: Request, name: str) -> tuple[str, str | None]:
        """The same for a name of another system's: an endpoint is meant before a model.

        Raises:
            InvalidInput: several versions answer for the endpoint.
        """
        if "@" in name or name not in self.context.stages_for(request).endpoints:
            return name, None
        return self.version_of(request, name)

    async def _let_in(self, request: Request, action: str) -> None:
        try:
            if request.method not in {"GET", "HEAD"}:
                refuse_foreign(headers_of(request.scope), ())
            self.context.require_everywhere(request, action)
        except ServeError as error:
            audited = None if self._door is None else self._door.audited
            if audited is not None and action == CHANGE:
                subject = f"{request.method} {request.scope['path']}"
                await audited.refused(_attempt(request).to("jobs", subject), error)
            raise

    def _opened(self) -> JobDoor:
        if self._door is None:
            msg = "this gateway takes no jobs; `jobs` in its args says where they may read"
            raise NotFound(msg)
        return self._door


def named_of(door: JobDoor) -> NamedJobs:
    """Who takes the jobs of other systems' clients.

    Raises:
        NotFound: nobody does.
    """
    if door.named is None:
        raise NotFound("this gateway takes no jobs of other systems' clients")
    return door.named


def _attempt(request: Request) -> Attempt:
    client = request.client
    return Attempt(
        caller_of(request.scope),
        request.headers.get("x-request-id", ""),
        "" if client is None else client.host,
    )
