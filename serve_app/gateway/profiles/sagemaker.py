"""SageMaker's containers, on port 8080: one model, or several behind `/models`.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.engine.stages import Stage
from serve_app.errors import BadEncoding, ClientError, Conflict, Overloaded
from serve_app.gateway import bodies
from serve_app.gateway.context import MANAGEMENT, GatewayContext, headers_of, json
from serve_app.gateway.listing import entry, listed, refused_write
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.gateway.wishes import wish_of
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import ANY
from serve_app.protocols.dialects import invocations
from serve_app.protocols.oip import tensor_bodies

_MIB = 1024 * 1024
INSUFFICIENT_STORAGE = 507


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """What several models behind one container are asked for."""
    own = _SageMakerPages(context)
    return [
        Route("/execution-parameters", own.parameters),
        Route("/models", own.models),
        Route("/models", own.load, methods=["POST"]),
        Route("/models/{endpoint:bare}", own.model),
        Route("/models/{endpoint:bare}", own.unload, methods=["DELETE"]),
    ]


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    return [Route("/ping", _SageMakerPages(context).ping), *pages(context)]


class _SageMakerPages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def ping(self, request: Request) -> Response:
        """Endpoints can be asked."""
        return self._context.if_ready(request, json({}))

    async def parameters(self, request: Request) -> Response:  # noqa: ARG002
        """How batch transforms should send their records."""
        return json(
            {
                "MaxConcurrentTransforms": os.cpu_count() or 1,
                "BatchStrategy": "MULTI_RECORD",
                "MaxPayloadInMB": max(1, self._context.settings.max_body_bytes // _MIB),
            }
        )

    async def models(self, request: Request) -> Response:
        """The endpoints, a page at a time."""
        return listed(self._context, request)

    async def model(self, request: Request) -> Response:
        """One endpoint."""
        return self._context.of_endpoint(request, self._model_entry)

    async def load(self, request: Request) -> Response:
        """Let a version answer under a new name; what is here is loaded already."""
        try:
            name, address = await self._model_of(request)
        except ClientError as error:
            return self._context.refused(request, error)
        stage = self._context.stages_for(request).endpoints.get(name)
        management = self._context.management
        if stage is None and management is None:
            return refused_write(self._context, request)
        try:
            if stage is not None:
                self._context.require(request, MANAGEMENT, stage)
            if stage is not None or management is None:
                raise Conflict(f"model {name[:80]!r} is loaded already")
            wish = wish_of(request, name, "SageMaker's /models")
            version = await management.add(wish, management.reference(address))
        except Overloaded as error:
            # By this status the platform knows that it has to unload others first.
            return self._context.refused(request, error, status=INSUFFICIENT_STORAGE)
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return self._context.refused(request, error)
        return json({**self._entry(name), "status": f"model {name!r} is answered by {version}"})

    async def unload(self, request: Request) -> Response:
        """Let an endpoint answer no more, where requests may decide that."""
        name = request.path_params["endpoint"]
        management = self._context.management
        if management is None:
            if name in self._context.stages_for(request).endpoints:
                return refused_write(self._context, request)
            return self._context.of_endpoint(request, self._model_entry)
        try:
            await management.remove(wish_of(request, name, "SageMaker's /models"))
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return self._context.refused(request, error)
        return json({"status": f"model {name!r} is unloaded"})

    async def _model_of(self, request: Request) -> tuple[str, str]:
        """The name that a model is to have, and where it lies; its name where that is not said."""
        limit = self._context.settings.max_body_bytes
        headers = headers_of(request.scope)
        body = await bodies.read(request.receive, headers, max_bytes=limit, accepted=ANY)
        document = json_body.parse(body)
        name, address = document.get("model_name"), document.get("url")
        if not isinstance(name, str) or not isinstance(address, str | None):
            raise BadEncoding('the body must be {"model_name": name, "url": where it lies}')
        return name, name if address is None else address

    def _model_entry(self, stage: Stage, versions: list[str]) -> object:  # noqa: ARG002
        return self._entry(stage.spec.name)

    def _entry(self, name: str) -> dict[str, str]:
        management = self._context.management
        return entry(name, None if management is None else management.url_of(name))


INVOKE = "/models/{endpoint:bare}/invoke"
DIALECT = tensor_bodies.WithTensors(
    invocations.SAGEMAKER, tensor_bodies.SAGEMAKER, invocations.marks
)
PROFILE = Profile(
    predictions=(
        DialectPath("/invocations", DIALECT),
        DialectPath(INVOKE, DIALECT),
    ),
    pages=_pages,
    refuse=DIALECT.refuse,
)
