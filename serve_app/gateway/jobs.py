"""The paths of batch jobs: submit, look, follow, cancel, resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from serve_app.batch.status import ENDED
from serve_app.errors import InvalidInput, Overloaded, ServeError
from serve_app.gateway.context import GatewayContext, headers_of, json
from serve_app.gateway.job_bodies import order_of
from serve_app.gateway.job_calls import CHANGE, SEE, JobCalls
from serve_app.gateway.job_door import JobDoor, Jobs, Json
from serve_app.protocols.dialect import JSON_TYPES

LOOK_S = 0.5
"""So often is looked whether a job that somebody follows is further."""
SILENCE_S = 15.0
"""Proxies cut a connection on which nothing comes for long."""
MOST_FOLLOWED = 100
_MOST_LISTED = 1_000
Answer = Callable[[Request, Jobs], Awaitable[Response]]
Handler = Callable[[Request], Awaitable[Response]]


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """The paths of jobs; without a door they say that none are taken."""
    own = _JobPages(JobCalls(context))
    job = "/v1/jobs/{job:bare}"
    return [
        Route("/v1/jobs", own.list_or_submit, methods=["GET", "POST"]),
        Route(job, own.answering(own.show, SEE), methods=["GET"]),
        Route(f"{job}/quarantine", own.answering(own.quarantine, CHANGE), methods=["GET"]),
        Route(f"{job}/events", own.answering(own.events, SEE), methods=["GET"]),
        Route(f"{job}:cancel", own.answering(own.cancel, CHANGE), methods=["POST"]),
        Route(f"{job}:resume", own.answering(own.resume, CHANGE), methods=["POST"]),
    ]


class _JobPages:
    def __init__(self, calls: JobCalls) -> None:
        self._calls = calls
        self._followed = 0

    def answering(self, answer: Answer, action: str) -> Handler:
        """The same as a handler of Starlette's, for those who may."""

        async def answered(request: Request, door: JobDoor) -> Response:
            return await answer(request, door.jobs)

        return self._calls.answering(answered, action)

    async def list_or_submit(self, request: Request) -> Response:
        """List jobs, or take one, by the method of a request."""
        if request.method == "POST":
            return await self.answering(self.submit, CHANGE)(request)
        return await self.answering(self.all, SEE)(request)

    async def submit(self, request: Request, jobs: Jobs) -> Response:
        """Take a job; it is on the disk when this is answered."""
        order = order_of(
            await self._calls.body(request, JSON_TYPES),
            headers_of(request.scope),
            lambda endpoint: self._calls.version_of(request, endpoint),
        )
        subject = f"{order.model} into {order.output}"
        status, is_new = await self._calls.changed(
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
        return json(
            await self._calls.changed(request, "cancel_job", name, lambda: jobs.cancel(name))
        )

    async def resume(self, request: Request, jobs: Jobs) -> Response:
        """Let one go on."""
        name = request.path_params["job"]
        status = await self._calls.changed(request, "resume_job", name, lambda: jobs.resume(name))
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
        if self._calls.sees_values(request):
            return status
        return {name: value for name, value in status.items() if name not in VALUES}


VALUES = frozenset({"first_errors", "failed_shards", "message"})
"""What of a status may hold values of rows."""


def _limit(request: Request, default: int) -> int:
    given = request.query_params.get("limit", str(default))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= _MOST_LISTED:
        raise InvalidInput(f"'limit' must be a number from 1 to {_MOST_LISTED:,}")
    return int(given)
