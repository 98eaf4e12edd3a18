"""The Open Inference Protocol over HTTP, with what Triton and MLServer add; ports 8000 and 8080."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from serve_app import __version__
from serve_app.engine.stages import Stage
from serve_app.errors import ClientError, NotPermitted
from serve_app.gateway import bodies, docs
from serve_app.gateway.context import (
    COUNTS,
    MANAGEMENT,
    GatewayContext,
    Settings,
    caller_of,
    headers_of,
    json,
)
from serve_app.gateway.native_pages import visible_document
from serve_app.gateway.openapi.data_plane import data_plane
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.gateway.wishes import wish_of
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import ANY
from serve_app.protocols.oip import outputs as oip_outputs
from serve_app.protocols.oip import triton as oip_triton
from serve_app.protocols.oip import v2 as oip_v2
from serve_app.protocols.oip import words as oip_words

MODEL = "/v2/models/{endpoint:bare}"
PLACES = (MODEL, MODEL + "/versions/{version:bare}")


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """All that tells of the server and its models."""
    own = OpenInferencePages(context)
    shared = [
        route
        for kind in ("system", "cuda")
        for route in (
            Route(f"/v2/{kind}sharedmemory/status", own.none_shared),
            Route(f"/v2/{kind}sharedmemory/unregister", own.unshared, methods=["POST"]),
            Route(
                f"/v2/{kind}sharedmemory/region/{{region}}/register",
                own.not_shared,
                methods=["POST"],
            ),
        )
    ]
    return [
        Route("/v2", own.server),
        Route("/v2/", own.server),
        Route("/v2/health/live", own.live),
        Route("/v2/health/ready", own.ready),
        Route("/v2/docs", own.docs),
        Route("/v2/docs/dataplane.json", own.data_plane),
        *(Route(f"{place}/docs", own.model_docs) for place in PLACES),
        *(Route(f"{place}/docs/dataplane.json", own.model_data_plane) for place in PLACES),
        Route("/v2/models", own.models),
        Route("/v2/models/stats", own.all_statistics),
        *(Route(place, own.model) for place in PLACES),
        *(Route(f"{place}/ready", own.model_ready) for place in PLACES),
        *(Route(f"{place}/config", own.configuration) for place in PLACES),
        *(Route(f"{place}/stats", own.statistics) for place in PLACES),
        *(
            Route(place, own.trace, methods=["GET", "POST"])
            for place in ("/v2/trace/setting", f"{MODEL}/trace/setting")
        ),
        Route("/v2/repository/index", own.index, methods=["POST"]),
        Route("/v2/repository/models/{endpoint:bare}/load", own.load, methods=["POST"]),
        Route("/v2/repository/models/{endpoint:bare}/unload", own.unload, methods=["POST"]),
        *shared,
    ]


class OpenInferencePages:
    """The server, its models, and what Triton's clients ask beside."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def live(self, request: Request) -> Response:  # noqa: ARG002
        """The process answers."""
        return json({"live": True})

    async def ready(self, request: Request) -> Response:
        """A snapshot is here, and some endpoint could answer."""
        return self._context.if_ready(request, json({"ready": True, "live": True}))

    async def server(self, request: Request) -> Response:  # noqa: ARG002
        """Name, version and extensions of this server."""
        name = self._context.settings.server_name
        extensions = list(oip_v2.EXTENSIONS)
        return json({"name": name, "version": __version__, "extensions": extensions})

    async def data_plane(self, request: Request) -> Response:
        """The OpenAPI document of the protocol's paths, as MLServer has one."""
        return json(data_plane(visible_document(self._context, request)))

    async def docs(self, request: Request) -> Response:
        """The page of that document."""
        return _page(request, data_plane(visible_document(self._context, request)))

    async def model_data_plane(self, request: Request) -> Response:
        """The OpenAPI document of one endpoint, or of one of its versions."""
        return self._context.of_endpoint(request, lambda *_: self._of_model(request))

    async def model_docs(self, request: Request) -> Response:
        """The page of that document."""
        versions = self._context.of_endpoint(request, lambda *_: None)
        return versions if versions.status_code != 200 else _page(request, self._of_model(request))

    def _of_model(self, request: Request) -> dict[str, Any]:
        named = request.path_params
        return data_plane(
            visible_document(self._context, request), named["endpoint"], named.get("version")
        )

    async def models(self, request: Request) -> Response:
        """The names of all endpoints."""
        return json({"models": sorted(self._context.stages_for(request).endpoints)})

    async def model(self, request: Request) -> Response:
        """An endpoint's columns and outputs."""
        return self._context.of_endpoint(request, metadata)

    async def model_ready(self, request: Request) -> Response:
        """An endpoint could answer now: it has somebody alive who would."""

        def ready(stage: Stage, versions: list[str]) -> dict[str, Any]:
            self._context.require_alive(request, stage, versions)
            return {"name": stage.spec.name, "ready": True}

        return self._context.of_endpoint(request, ready)

    async def configuration(self, request: Request) -> Response:
        """An endpoint as Triton's configurations describe models."""
        return self._context.of_endpoint(
            request, lambda stage, versions: oip_triton.configuration(metadata(stage, versions))
        )

    async def statistics(self, request: Request) -> Response:
        """How much this replica was asked of an endpoint."""

        def counted(stage: Stage, versions: list[str]) -> dict[str, Any]:  # noqa: ARG001
            self._context.require(request, COUNTS, stage)
            return {"model_stats": [self._counted(stage)]}

        return self._context.of_endpoint(request, counted)

    async def all_statistics(self, request: Request) -> Response:
        """How much this replica was asked of each endpoint."""
        stages = self._context.counted_for(request)
        return json({"model_stats": [self._counted(stage) for stage in stages]})

    async def index(self, request: Request) -> Response:
        """All endpoints and versions, as Triton lists its repository."""
        try:
            only_ready = oip_triton.only_ready(await self._body(request))
        except ClientError as error:
            return self._context.refused(request, error)
        stages = self._context.stages_for(request).endpoints
        alive = self._context.predictor.alive_versions
        listed = oip_triton.index({n: alive(s) for n, s in stages.items()}, only_ready)
        if self._context.management is not None and not only_ready:
            caller = caller_of(request.scope)
            others = await self._context.management.not_served(caller, stages)
            listed += oip_triton.not_loaded(others)
        return json(listed)

    async def load(self, request: Request) -> Response:
        """Let the newest version of a model answer under its name, unless it does already."""
        name = request.path_params["endpoint"]
        stage = self._context.stages_for(request).endpoints.get(name)
        management = self._context.management
        if management is None:
            return self._context.of_endpoint(request, lambda *_: self._here(request, stage))
        try:
            wish = wish_of(request, name, "V2's repository")
            oip_triton.check_load(await self._body(request))
            if stage is None:
                await management.add(wish, name)
            else:
                await management.reload(wish, stage)
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return self._context.refused(request, error)
        return json({"name": name, "load": True})

    def _here(self, request: Request, stage: Stage | None) -> dict[str, Any]:
        """What is said of an endpoint that is here, where nothing can be changed."""
        assert stage is not None  # noqa: S101 - `of_endpoint` has found it
        self._context.require(request, MANAGEMENT, stage)
        return {"name": stage.spec.name, "load": True}

    async def unload(self, request: Request) -> Response:
        """Let an endpoint answer no more, where requests may decide that."""
        name = request.path_params["endpoint"]
        management = self._context.management
        if management is None:
            return self._context.refused(request, NotPermitted(oip_triton.cannot_unload(name)))
        try:
            await management.remove(wish_of(request, name, "V2's repository"))
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return self._context.refused(request, error)
        return json({"name": name, "unload": True})

    async def trace(self, request: Request) -> Response:
        """Triton's tracing is off, and stays so."""
        try:
            body = await self._body(request) if request.method == "POST" else b""
            document = json_body.parse(body) if body.strip() else {}
            if any(value is not None for value in document.values()):
                raise NotPermitted(oip_triton.NOT_TRACED)
        except ClientError as error:
            return self._context.refused(request, error)
        if "endpoint" in request.path_params:
            return self._context.of_endpoint(request, lambda *_: oip_triton.TRACE_SETTINGS)
        return json(oip_triton.TRACE_SETTINGS)

    async def none_shared(self, request: Request) -> Response:  # noqa: ARG002
        """No memory is shared with clients."""
        return json([])

    async def unshared(self, request: Request) -> Response:  # noqa: ARG002
        """Nothing was shared, so nothing has to be given up."""
        return json({})

    async def not_shared(self, request: Request) -> Response:
        """Memory cannot be shared."""
        return self._context.refused(request, ClientError(oip_triton.NOT_SHARED))

    async def _body(self, request: Request) -> bytes:
        limit = self._context.settings.max_body_bytes
        headers = headers_of(request.scope)
        return await bodies.read(request.receive, headers, max_bytes=limit, accepted=ANY)

    def _counted(self, stage: Stage) -> dict[str, Any]:
        name = stage.spec.name
        return oip_triton.statistics(
            name, stage.versions(None), self._context.predictor.counting.counts(name)
        )


def _page(request: Request, content: dict[str, Any]) -> Response:
    source = f"{request.url.path.rstrip('/')}/dataplane.json"
    return HTMLResponse(docs.page(content, source), headers=docs.HEADERS)


def metadata(stage: Stage, versions: list[str]) -> dict[str, Any]:
    """An endpoint's columns and outputs."""
    return oip_outputs.metadata(stage.spec.name, stage.spec.signature, versions)


PREDICTIONS = tuple(DialectPath(f"{place}/infer", oip_v2.DIALECT) for place in PLACES)


def profile(settings: Settings) -> Profile:
    """The profile, with errors in the words of the server that metadata name."""
    words = oip_words.only_error(settings.server_name)
    return Profile(predictions=PREDICTIONS, pages=pages, refuse=words)
