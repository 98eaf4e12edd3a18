"""The paths of batch jobs: submit, look, follow, cancel, resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from serve_app.batch.status import ENDED
from serve_app.engine.batch.desk import JobOrder
from serve_app.errors import InvalidInput, NotFound, Overloaded, ServeError
from serve_app.gateway import bodies
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.context import GatewayContext, caller_of, headers_of, json
from serve_app.gateway.foreign_pages import refuse_foreign
from serve_app.gateway.job_bodies import order_of
from serve_app.gateway.wish import Attempt
from serve_app.protocols.dialect import JSON_TYPES

SEE, CHANGE = "read:jobs", "admin:jobs"
"""What callers must be allowed to see how jobs stand, and to submit and end them."""
LOOK_S = 0.5
"""So often is looked whether a job that somebody follows is further."""
SILENCE_S = 15.0
"""Proxies cut a connection on which nothing comes for long."""
MOST_FOLLOWED = 100
_MOST_LISTED = 1_000
_NO_STORE = {"cache-control": "no-store"}
Json = Mapping[str, Any]


class Jobs(Protocol):
    """Takes jobs and says how they stand; calls block. Raises ServeErrors."""

    def submit(self, order: JobOrder) -> tuple[Json, bool]:
        """Keep a job, and say how it stands and whether it is new."""
        ...

    def names(self) -> Sequence[str]:
        """The names of all jobs, the newest first."""
        ...

    def all(self, limit: int) -> Sequence[Json]:
        """How the newest jobs stand."""
        ...

    def show(self, name: str) -> Json:
        """How far a job is."""
        ...

    def quarantine(self, name: str, limit: int) -> Sequence[Json]:
        """The first rows of a job that could not be answered."""
        ...

    def manifest(self, name: str) -> bytes:
        """What the output of a job holds, as JSON."""
        ...

    def cancel(self, name: str) -> Json:
        """End a job."""
        ...

    def resume(self, name: str) -> Json:
        """Let a job that ended early go on."""
        ...


@dataclass(frozen=True, slots=True)
class JobDoor:
    """Who takes jobs, and the audit log, where there is one."""

    jobs: Jobs
    audited: AuditedChanges | None = None


def pages(context: GatewayContext, door: JobDoor | None) -> Sequence[BaseRoute]:
    """The paths of jobs; without a door they say that none are taken."""
    own = _JobPages(context, door)
    job = "/v1/jobs/{job:bare}"
    return [
        Route("/v1/jobs", own.list_or_submit, methods=["GET", "POST"]),
        Route(job, own.answering(own.show, SEE), methods=["GET"]),
        Route(f"{job}/quarantine", own.answering(own.quarantine, CHANGE), methods=["GET"]),
        Route(f"{job}/events", own.answering(own.events, SEE), methods=["GET"]),
        Route(f"{job}:cancel", own.answering(own.cancel, CHANGE), methods=["POST"]),
        Route(f"{job}:resume", own.answering(own.resume, CHANGE), methods=["POST"]),
    ]


Answer = Callable[[Request, Jobs], Awaitable[Response]]


class _JobPages:
    def __init__(self, context: GatewayContext, door: JobDoor | None) -> None:
        self._context = context
        self._door = door
        self._followed = 0

    def answering(self, answer: Answer, action: str) -> Callable[[Request], Awaitable[Response]]:
        """The same as a handler of Starlette's, for those who may."""

        async def handle(request: Request) -> Response:
            try:
                await self._let_in(request, action)
                if self._door is None:
                    msg = "this gateway takes no jobs; `jobs` in its args says where they may read"
                    raise NotFound(msg)
                response = await answer(request, self._door.jobs)
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
                response = self._context.refused(request, error)
            response.headers.update(_NO_STORE)
            return response

        return handle

    async def list_or_submit(self, request: Request) -> Response:
        """List jobs, or take one, by the method of a request."""
        if request.method == "POST":
            return await self.answering(self.submit, CHANGE)(request)
        return await self.answering(self.all, SEE)(request)

    async def submit(self, request: Request, jobs: Jobs) -> Response:
        """Take a job; it is on the disk when this is answered."""
        headers = headers_of(request.scope)
        body = await bodies.read(
            request.receive,
            headers,
            max_bytes=self._context.settings.max_body_bytes,
            accepted=JSON_TYPES,
            offload=self._context.predictor.offload,
        )
        order = order_of(body, headers)
        subject = f"{order.model} into {order.output}"
        status, is_new = await self._changed(
            request, "submit_job", subject, lambda: jobs.submit(order)
        )
        answer = json(status, 202 if is_new else 200)
        answer.headers["location"] = f"/v1/jobs/{status['job']}"
        return answer

    async def all(self, request: Request, jobs: Jobs) -> Response:
        """The newest jobs."""
        limit = _limit(request, 100)
        listed = await asyncio.to_thread(jobs.all, limit)
        return json({"jobs": [self._shown(request, one) for one in listed]})

    async def show(self, request: Request, jobs: Jobs) -> Response:
        """How far one is."""
        status = await asyncio.to_thread(jobs.show, request.path_params["job"])
        return json(self._shown(request, status))

    async def quarantine(self, request: Request, jobs: Jobs) -> Response:
        """Rows without an answer."""
        limit = _limit(request, 20)
        rows = await asyncio.to_thread(jobs.quarantine, request.path_params["job"], limit)
        return json({"rows": rows})

    async def cancel(self, request: Request, jobs: Jobs) -> Response:
        """End one."""
        name = request.path_params["job"]
        return json(await self._changed(request, "cancel_job", name, lambda: jobs.cancel(name)))

    async def resume(self, request: Request, jobs: Jobs) -> Response:
        """Let one go on."""
        name = request.path_params["job"]
        status = await self._changed(request, "resume_job", name, lambda: jobs.resume(name))
        return json(status, 202)

    async def events(self, request: Request, jobs: Jobs) -> Response:
        """How one goes on, as server-sent events: each is its whole status, until it has ended."""
        name = request.path_params["job"]
        first = await asyncio.to_thread(jobs.show, name)
        if self._followed >= MOST_FOLLOWED:
            msg = f"{MOST_FOLLOWED} followers of jobs are connected here, and no more may be"
            raise Overloaded(msg, retry_after_s=30)
        return StreamingResponse(self._follow(request, jobs, first), media_type="text/event-stream")

    async def _follow(self, request: Request, jobs: Jobs, status: Json) -> AsyncIterator[bytes]:
        self._followed += 1
        try:
            number, sent, silent_s = 0, b"", 0.0
            while True:
                body = orjson.dumps(self._shown(request, status))
                if body != sent:
                    yield b"id: %d\nevent: status\ndata: %b\n\n" % (number, body)
                    number, sent, silent_s = number + 1, body, 0.0
                elif silent_s >= SILENCE_S:
                    yield b": it goes on\n\n"
                    silent_s = 0.0
                if status["state"] in ENDED:
                    return
                await asyncio.sleep(LOOK_S)
                silent_s += LOOK_S
                status = await asyncio.to_thread(jobs.show, status["job"])
        except ServeError as error:
            yield b"event: error\ndata: %b\n\n" % orjson.dumps({"code": error.code})
        finally:
            self._followed -= 1

    def _shown(self, request: Request, status: Json) -> Json:
        """A status; values of rows are for those alone who may see them."""
        if caller_of(request.scope).grants.allow_everywhere(CHANGE):
            return status
        return {name: value for name, value in status.items() if name not in VALUES}

    async def _let_in(self, request: Request, action: str) -> None:
        try:
            if request.method == "POST":
                refuse_foreign(headers_of(request.scope), ())
            self._context.require_everywhere(request, action)
        except ServeError as error:
            audited = None if self._door is None else self._door.audited
            if audited is not None and action == CHANGE:
                subject = f"{request.method} {request.scope['path']}"
                await audited.refused(_attempt(request).to("jobs", subject), error)
            raise

    async def _changed(
        self, request: Request, action: str, subject: str, act: Callable[[], Any]
    ) -> Any:
        """Do something in a thread, once the audit log has it, where there is one."""

        async def acted() -> Any:
            return await asyncio.to_thread(act)

        audited = None if self._door is None else self._door.audited
        if audited is None:
            return await acted()
        return await audited.made(_attempt(request).to(action, subject), {}, acted)


VALUES = frozenset({"first_errors", "failed_shards", "message"})
"""What of a status may hold values of rows."""


def _attempt(request: Request) -> Attempt:
    client = request.client
    return Attempt(
        caller_of(request.scope),
        request.headers.get("x-request-id", ""),
        "" if client is None else client.host,
    )


def _limit(request: Request, default: int) -> int:
    given = request.query_params.get("limit", str(default))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= _MOST_LISTED:
        raise InvalidInput(f"'limit' must be a number from 1 to {_MOST_LISTED:,}")
    return int(given)
