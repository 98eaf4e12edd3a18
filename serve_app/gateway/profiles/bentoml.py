"""BentoML's services, usually on port 3000: each endpoint is a method of one, and a task.

https://docs.bentoml.com/en/latest/get-started/async-task-queues.html. A method takes `instances`
and gives an object, as `:predict` does. Its clients read `/schema.json` first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from serve_app.batch.deferred import Deferred, DeferredState
from serve_app.core.snapshot import Endpoint
from serve_app.errors import BadEncoding, Conflict, NotFound
from serve_app.gateway.context import GatewayContext, caller_of, headers_of, json
from serve_app.gateway.deferrable import Deferrable, lost, response_of
from serve_app.gateway.deferral import Deferral
from serve_app.gateway.foreign_pages import refuse_foreign
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import Refusal, Reply
from serve_app.protocols.dialects import native

SYSTEM = "bentoml"
STATUSES: dict[DeferredState, str] = {
    "PENDING": "pending",
    "RUNNING": "in_progress",
    "DONE": "completed",
    "CANCELLED": "canceled",
    "LOST": "failed",
}
_METHOD = "/{endpoint:bare}"
_FAILED = 400
Answer = Callable[[Request, Deferral], Awaitable[Response]]


def refuse(refusal: Refusal) -> Reply:
    """An error as BentoML says it."""
    return Reply(json_body.dump({"error": refusal.message}))


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    own = _BentoPages(context)
    return [
        Route("/livez", own.living),
        Route("/readyz", own.ready),
        Route("/healthz", own.ready),
        Route("/schema.json", own.schema),
        Route(f"{_METHOD}/submit", own.answering(own.submit), methods=["POST"]),
        Route(f"{_METHOD}/status", own.answering(own.status), methods=["GET"]),
        Route(f"{_METHOD}/get", own.answering(own.get), methods=["GET"]),
        Route(f"{_METHOD}/retry", own.answering(own.retry), methods=["POST"]),
        Route(f"{_METHOD}/cancel", own.answering(own.cancel), methods=["PUT"]),
    ]


class _BentoPages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._method = Deferrable(context, native.DIALECT, context.refuse)

    async def living(self, request: Request) -> Response:  # noqa: ARG002
        """The process lives."""
        return PlainTextResponse("\n")

    async def ready(self, request: Request) -> Response:
        """Endpoints can be asked."""
        return self._context.if_ready(request, PlainTextResponse("\n"))

    async def schema(self, request: Request) -> Response:
        """The methods, as clients learn them."""
        is_task = self._context.deferral is not None
        stages = self._context.stages_for(request).endpoints.values()
        routes = [_route(stage.spec, is_task=is_task) for stage in stages]
        name = self._context.settings.server_name
        return json({"name": name, "type": "service", "routes": routes})

    def answering(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """The same as a handler of Starlette's, where answers come later."""

        async def handle(request: Request) -> Response:
            try:
                if request.method != "GET":
                    refuse_foreign(headers_of(request.scope), ())
                if self._context.deferral is None:
                    msg = "this gateway takes no tasks; `deferred` in its args lets it"
                    raise NotFound(msg)
                return await answer(request, self._context.deferral)
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
                return self._context.refused(request, error)

        return handle

    async def submit(self, request: Request, deferral: Deferral) -> Response:
        """Take a task."""
        name = await self._method.take(deferral, SYSTEM, request.scope, request.receive)
        return _taken(name)

    async def status(self, request: Request, deferral: Deferral) -> Response:
        """How one stands."""
        kept = await self._kept(request, deferral)
        body = {
            "task_id": kept.name,
            "status": _status(kept),
            "created_at": _time(kept.submitted_at_s),
            "executed_at": _time(kept.began_at_s),
        }
        return json(body)

    async def get(self, request: Request, deferral: Deferral) -> Response:
        """What one is answered."""
        kept = await self._kept(request, deferral)
        if kept.state == "LOST":
            raise lost(kept)
        if kept.state != "DONE":
            state = "canceled" if kept.state == "CANCELLED" else "not completed yet"
            raise BadEncoding(f"task {kept.name} is {state}")
        return response_of(await deferral.answer(kept))

    async def retry(self, request: Request, deferral: Deferral) -> Response:
        """Take one that has ended again, under another name."""
        kept = await self._kept(request, deferral)
        if kept.state in {"PENDING", "RUNNING"}:
            raise BadEncoding(f"task {kept.name} is not completed yet")
        again = await deferral.request(kept)
        return _taken(await self._method.take_again(deferral, again, caller_of(request.scope)))

    async def cancel(self, request: Request, deferral: Deferral) -> Response:
        """End one that has no answer yet."""
        kept = await self._kept(request, deferral)
        if kept.state not in {"PENDING", "RUNNING"}:
            raise Conflict(f"task {kept.name} is {_status(kept)}, so that nothing can be canceled")
        await deferral.cancel(kept)
        return json({"task_id": kept.name, "status": STATUSES["CANCELLED"]})

    async def _kept(self, request: Request, deferral: Deferral) -> Deferred:
        """The task that a request is about, of the method that its path names."""
        name = request.query_params.get("task_id")
        if name is None:
            raise BadEncoding("task_id is required")
        kept = await deferral.show(caller_of(request.scope), SYSTEM, name)
        if kept.endpoint != request.path_params["endpoint"]:
            raise deferral.unknown(name)
        return kept


def _taken(name: str) -> Response:
    return json({"task_id": name, "status": STATUSES["RUNNING"]})


def _status(kept: Deferred) -> str:
    """In one of BentoML's words; what was answered by an error has failed."""
    failed = kept.status is not None and kept.status >= _FAILED
    return STATUSES["LOST" if failed else kept.state]


def _route(spec: Endpoint, *, is_task: bool) -> dict[str, Any]:
    """A method: rows in, the object of `:predict` out."""
    properties: dict[str, Any] = {
        "instances": {"title": "Instances", "type": "array", "items": {}},
        "parameters": {"title": "Parameters", "type": "object"},
        "signature_name": {"title": "Signature Name", "type": "string"},
    }
    return {
        "name": spec.name,
        "route": f"/{spec.name}",
        "batchable": False,
        "input": {
            "title": "Input",
            "type": "object",
            "properties": properties,
            "required": ["instances"],
        },
        "output": {"title": "AnyIODescriptor", "type": "object"},
        "is_task": is_task,
    }


def _time(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat()


PROFILE = Profile(
    predictions=(DialectPath(_METHOD, native.DIALECT, answers=Deferrable),),
    pages=_pages,
    refuse=refuse,
)
