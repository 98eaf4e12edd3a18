"""SageMaker's transform jobs, as boto3's client `sagemaker` asks for them: JSON 1.1 at `/`.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html and its
siblings; the header `X-Amz-Target` says which is meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.errors import Conflict, InvalidInput, NoSuchPath
from serve_app.gateway import transform_bodies, transform_lists
from serve_app.gateway.context import GatewayContext, json
from serve_app.gateway.job_calls import CHANGE, SEE, JobCalls, named_of
from serve_app.gateway.job_door import JobDoor
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import ANY, Refusal, Reply

SYSTEM = "sagemaker"
_TARGET = "SageMaker."
_KINDS = {
    "conflict": "ResourceInUse",
    "forbidden": "AccessDeniedException",
    "not_found": "ResourceNotFound",
    "no_such_path": "UnknownOperationException",
    "not_permitted": "AccessDeniedException",
    "overloaded": "ResourceLimitExceeded",
    "not_ready": "ServiceUnavailable",
    "unavailable": "ServiceUnavailable",
}
Document = Mapping[str, Any]


def refuse(refusal: Refusal) -> Reply:
    """An error as AWS says it: clients raise it by its type."""
    fault = refusal.status >= 500
    kind = _KINDS.get(refusal.code, "InternalFailure" if fault else "ValidationException")
    body = json_body.dump({"__type": kind, "message": refusal.message, "Message": refusal.message})
    status = refusal.status if fault else 400
    return Reply(body, headers=((b"x-amzn-errortype", kind.encode()),), status=status)


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """The path of all actions."""
    own = _TransformPages(JobCalls(replace(context, refuse=refuse)))
    return [Route("/", own.answer, methods=["POST"])]


class _TransformPages:
    def __init__(self, calls: JobCalls) -> None:
        self._calls = calls
        self._actions: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "CreateTransformJob": calls.answering(self.create, CHANGE),
            "DescribeTransformJob": calls.answering(self.describe, SEE),
            "ListTransformJobs": calls.answering(self.all, SEE),
            "StopTransformJob": calls.answering(self.stop, CHANGE),
        }

    async def answer(self, request: Request) -> Response:
        """Answer the action that a header names."""
        target = request.headers.get("x-amz-target", "")
        action = self._actions.get(target.removeprefix(_TARGET)) if target else None
        if action is None or not target.startswith(_TARGET):
            known = ", ".join(self._actions)
            msg = f"X-Amz-Target is {target[:80]!r}; answered are SageMaker's {known}"
            return self._calls.context.refused(request, NoSuchPath(msg))
        return await action(request)

    async def create(self, request: Request, door: JobDoor) -> Response:
        """CreateTransformJob: take one, under a name that is free."""
        document = await self._document(request)
        model, preprocess = self._calls.version_meant(request, transform_bodies.model_of(document))
        order = transform_bodies.order_of(document, model, preprocess)
        name, named = transform_bodies.name_of(document), named_of(door)
        await self._calls.changed(
            request,
            "submit_job",
            f"{order.model} into {order.output}",
            lambda: named.submit(SYSTEM, name, order, document),
        )
        return json({"TransformJobArn": transform_bodies.arn(name)})

    async def describe(self, request: Request, door: JobDoor) -> Response:
        """DescribeTransformJob: how one stands."""
        document = await self._document(request)
        name = transform_bodies.name_of(document)
        job = await asyncio.to_thread(named_of(door).show, SYSTEM, name)
        return json(transform_bodies.describe(job, values=self._calls.sees_values(request)))

    async def all(self, request: Request, door: JobDoor) -> Response:
        """ListTransformJobs: those that filters leave, a page at a time."""
        document = await self._document(request)
        jobs = await asyncio.to_thread(named_of(door).all, SYSTEM)
        some, following = transform_lists.listed(jobs, document)
        values = self._calls.sees_values(request)
        body: dict[str, Any] = {
            "TransformJobSummaries": [transform_bodies.summary(one, values=values) for one in some]
        }
        if following is not None:
            body["NextToken"] = following
        return json(body)

    async def stop(self, request: Request, door: JobDoor) -> Response:
        """StopTransformJob: end one."""
        name, named = transform_bodies.name_of(await self._document(request)), named_of(door)
        try:
            await self._calls.changed(
                request, "cancel_job", name, lambda: named.cancel(SYSTEM, name)
            )
        except Conflict as error:
            raise InvalidInput(error.message) from None
        return Response(status_code=200)

    async def _document(self, request: Request) -> Document:
        return json_body.parse(await self._calls.body(request, ANY))
