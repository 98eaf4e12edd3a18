"""Vertex AI's batch prediction jobs, as Google's client of its jobs asks for them over REST."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.batch.rendering import Instances
from serve_app.engine.batch.named_desk import NamedStatus
from serve_app.errors import InvalidInput
from serve_app.gateway import vertex_bodies
from serve_app.gateway.context import GatewayContext, json
from serve_app.gateway.job_calls import CHANGE, SEE, JobCalls, named_of
from serve_app.gateway.job_door import JobDoor
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import JSON_TYPES
from serve_app.protocols.dialects import vertex

SYSTEM = "vertex"
_ALL = "/v1/projects/{project:bare}/locations/{location:bare}/batchPredictionJobs"
_ONE = f"{_ALL}/{{job:bare}}"
_MOST, _DEFAULT = 1_000, 100


def _number() -> str:
    """A name of a job that no other has, of digits, as Google's are."""
    return str(secrets.randbits(62) | 1 << 62)


def pages(
    context: GatewayContext,
    *,
    ids: Callable[[], str] = _number,
    clock: Callable[[], float] = time.time,
) -> Sequence[BaseRoute]:
    """The paths of jobs; `ids` names them, `clock` is seconds since 1970."""
    calls = JobCalls(replace(context, refuse=vertex.DIALECT.refuse))
    own = _VertexJobs(calls, ids, clock)
    return [
        Route(_ALL, own.create_or_list, methods=["GET", "POST"]),
        Route(_ONE, own.show_or_delete, methods=["GET", "DELETE"]),
        Route(f"{_ONE}:cancel", calls.answering(own.cancel, CHANGE), methods=["POST"]),
    ]


class _VertexJobs:
    def __init__(self, calls: JobCalls, ids: Callable[[], str], clock: Callable[[], float]) -> None:
        self._calls, self._ids, self._clock = calls, ids, clock
        self._create = calls.answering(self.create, CHANGE)
        self._list = calls.answering(self.all, SEE)
        self._show = calls.answering(self.show, SEE)
        self._delete = calls.answering(self.delete, CHANGE)

    async def create_or_list(self, request: Request) -> Response:
        """Take a job, or list all, by the method of a request."""
        return await (self._create if request.method == "POST" else self._list)(request)

    async def show_or_delete(self, request: Request) -> Response:
        """Show a job, or forget it, by the method of a request."""
        return await (self._delete if request.method == "DELETE" else self._show)(request)

    async def create(self, request: Request, door: JobDoor) -> Response:
        """Take a job; it has a name of its own then."""
        document = json_body.parse(await self._calls.body(request, JSON_TYPES))
        version = self._calls.version_meant(request, vertex_bodies.model_of(document))
        name, named = self._ids(), named_of(door)
        order = vertex_bodies.order_of(document, name, version, self._clock())
        rendering = order.options.rendering
        assert isinstance(rendering, Instances)  # noqa: S101 - made so just now
        kept = {**document, "_destination": rendering.destination}
        job = await self._calls.changed(
            request,
            "submit_job",
            f"{order.model} into {order.output}",
            lambda: named.submit(SYSTEM, name, order, kept),
        )
        return json(self._resource(request, job))

    async def all(self, request: Request, door: JobDoor) -> Response:
        """The jobs, the newest first, a page at a time."""
        if request.query_params.get("filter"):
            raise InvalidInput("'filter' is not done here: all jobs are listed")
        jobs = await asyncio.to_thread(named_of(door).all, SYSTEM)
        left = _following(jobs, request.query_params.get("pageToken"))
        some = left[: _whole(request, "pageSize", 0, _MOST) or _DEFAULT]
        listed = [self._resource(request, job) for job in some]
        body: dict[str, Any] = {"batchPredictionJobs": listed}
        if len(some) < len(left):
            body["nextPageToken"] = _token_of(some[-1])
        return json(body)

    async def show(self, request: Request, door: JobDoor) -> Response:
        """How one stands."""
        name = request.path_params["job"]
        return json(
            self._resource(request, await asyncio.to_thread(named_of(door).show, SYSTEM, name))
        )

    async def cancel(self, request: Request, door: JobDoor) -> Response:
        """End one."""
        name, named = request.path_params["job"], named_of(door)
        await self._calls.changed(request, "cancel_job", name, lambda: named.cancel(SYSTEM, name))
        return json({})

    async def delete(self, request: Request, door: JobDoor) -> Response:
        """Forget one that has ended; an operation that is done is the answer."""
        name, named = request.path_params["job"], named_of(door)
        await self._calls.changed(request, "delete_job", name, lambda: named.forget(SYSTEM, name))
        return json(
            {
                "name": f"{_parent(request)}/operations/{name}",
                "done": True,
                "response": {"@type": "type.googleapis.com/google.protobuf.Empty"},
            }
        )

    def _resource(self, request: Request, job: Any) -> dict[str, Any]:
        values = self._calls.sees_values(request)
        return vertex_bodies.describe(job, _parent(request), values=values)


def _parent(request: Request) -> str:
    named = request.path_params
    return f"projects/{named['project']}/locations/{named['location']}"


def _token_of(job: NamedStatus) -> str:
    """What a page that ends with a job is followed by: those that are older, or named later."""
    return f"{job.named.given_at_s!r}:{job.named.name}"


def _following(jobs: Sequence[NamedStatus], token: str | None) -> Sequence[NamedStatus]:
    """The jobs after a token, the newest first; so none is moved by those that come or go."""
    if not token:
        return jobs
    given_at, _, name = token.partition(":")
    try:
        last = (-float(given_at), name)
    except ValueError:
        raise InvalidInput(f"'pageToken' is {token[:80]!r}, which is none") from None
    return [one for one in jobs if (-one.named.given_at_s, one.named.name) > last]


def _whole(request: Request, name: str, otherwise: int, most: int) -> int:
    text = request.query_params.get(name) or str(otherwise)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        raise InvalidInput(f"{name!r} is {text[:80]!r}, which is none")
    return int(text)
