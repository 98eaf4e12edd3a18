"""The paths of no system but this one: endpoints, feedback, documentation, the root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from serve_app import __version__
from serve_app.core.meta_model import MetaModel
from serve_app.core.reference import alias_of, model_of
from serve_app.core.snapshot import Endpoint
from serve_app.engine.stages import Stages
from serve_app.errors import NotReady
from serve_app.gateway import docs
from serve_app.gateway.browsers import VARY, wants_page
from serve_app.gateway.context import GatewayContext, json
from serve_app.gateway.feedback import FeedbackDialect, FeedbackPath
from serve_app.gateway.openapi import document as openapi
from serve_app.gateway.openapi.deferred import deferring
from serve_app.gateway.openapi.protection import is_health, protected
from serve_app.protocols.bodies import feedback, feedback_list
from serve_app.protocols.dialect import FORM, JSON_TYPES
from serve_app.routing import route_of

_FEEDBACK = FeedbackDialect(
    feedback_list.decode, feedback.encode, JSON_TYPES | {FORM, feedback_list.CSV}
)


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """What people and `serve-app` look at."""
    own = _NativePages(context)
    return [
        Route("/v1/endpoints", own.endpoints),
        Route("/v1/status", own.status),
        Route(
            "/v1/models/{endpoint:bare}:feedback",
            FeedbackPath(context, _FEEDBACK).taken,
            methods=["POST"],
        ),
        Route("/openapi.json", own.openapi),
        Route("/docs", own.docs),
        Route("/", own.openapi, methods=["OPTIONS"]),
        Route("/", own.home),
    ]


class _NativePages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def endpoints(self, request: Request) -> Response:
        """All endpoints with their variants and weights as they are now."""
        return json(standing(self._context.stages_for(request)))

    async def status(self, request: Request) -> Response:
        """What is in effect, here and on every other gateway, as control knows it."""
        try:
            self._context.require_everywhere(request, "read:metadata")
            if self._context.effect is None:
                raise NotReady("this gateway has no control")
            return json(await self._context.effect())
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return self._context.refused(request, error)

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document of the endpoints as they are now."""
        return json(visible_document(self._context, request))

    async def docs(self, request: Request) -> Response:
        """The documentation page."""
        return HTMLResponse(
            docs.page(visible_document(self._context, request)), headers=docs.HEADERS
        )

    async def home(self, request: Request) -> Response:
        """People who open the address want the documentation, KServe's clients a sign of life."""
        if wants_page(request.headers):
            return RedirectResponse("/docs", headers=VARY)
        answer = json({"status": "alive"})
        answer.headers.update(VARY)
        return answer


def standing(stages: Stages) -> dict[str, Any]:
    """All endpoints with their variants and weights, as JSON values."""
    return {
        "snapshot": stages.version,
        "endpoints": [_listed(stage.spec, stages.aliases) for stage in stages.endpoints.values()],
        "aliases": stages.aliases,
        "waiting": stages.waiting,
        "set_at_run_time": stages.overrides,
    }


def visible_document(context: GatewayContext, request: Request) -> dict[str, Any]:
    """The OpenAPI document of the endpoints that who asks may see, and of how to prove that."""
    made = document(context.stages_for(request))
    if context.deferral is not None:
        made = deferring(made)
    return protected(made, context.settings.proofs, is_health, "#/components/schemas/Error")


def document(stages: Stages) -> dict[str, Any]:
    """The OpenAPI document of some endpoints."""
    descriptions = [_for_openapi(stage.spec) for stage in stages.endpoints.values()]
    return openapi.document(descriptions, title="serve-app", version=__version__)


def _listed(spec: Endpoint, aliases: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    return {
        "name": spec.name,
        **route_of(spec.route).listed(),
        "variants": [{"version": v.version, "weight": v.weight} for v in spec.variants],
        "follows": _follows(spec, aliases),
        "placement": "inline" if spec.inline else "replicas",
        **({"shadows": _shadows(spec)} if spec.shadows else {}),
        **({} if spec.meta is None else {"meta": _meta(spec.meta)}),
        "fallback": spec.fallback.version if spec.fallback else None,
        "preprocess": None
        if spec.preprocess is None
        else {
            "version": spec.preprocess.version,
            "placement": "inline" if spec.preprocess.inline else "replicas",
        },
        "cache": None
        if spec.cache is None
        else {"rows": spec.cache.rows, "ttl_s": spec.cache.ttl_s},
        "timeout_s": spec.timeout_s,
        "signature": spec.signature.to_json(),
    }


def _follows(spec: Endpoint, aliases: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """The versions that an endpoint asks by an alias, by reference.

    Where an alias names another one by now that answers here as well, as it does after a rollout,
    it is that one.
    """
    follows = spec.follows()
    for reference in follows:
        model = model_of(reference)
        named = f"{model}@{aliases.get(model, {}).get(alias_of(reference) or '')}"
        if named in spec.asks():
            follows[reference] = named
    return follows


def _meta(meta: MetaModel) -> dict[str, Any]:
    return {
        "version": meta.version,
        "placement": "inline" if meta.inline else "replicas",
        "columns": [source.name for source in meta.sources],
    }


def _shadows(spec: Endpoint) -> list[dict[str, Any]]:
    return [
        {"version": one.version, "sample": one.sample, "timeout_s": one.timeout_s}
        for one in spec.shadows
    ]


def _for_openapi(spec: Endpoint) -> openapi.EndpointDescription:
    return openapi.EndpointDescription(
        name=spec.name,
        inputs=spec.signature.inputs,
        output=spec.signature.output,
        variants=tuple((v.version, v.weight) for v in spec.variants),
        route=spec.route.kind,
        together=route_of(spec.route).answers_together,
        weighted=route_of(spec.route).weighted,
        example=spec.example,
        reactions=spec.reactions,
    )
