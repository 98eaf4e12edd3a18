"""The application of the main port: every dialect, and what several systems share, in one form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.engine.predict import Predictor
from serve_app.engine.stages import Stage
from serve_app.gateway import (
    deferred_pages,
    explanations,
    jobs,
    native_pages,
    transform_jobs,
    vertex_jobs,
)
from serve_app.gateway.context import Effect, GatewayContext, Keep, Settings
from serve_app.gateway.deferrable import Deferrable
from serve_app.gateway.graphql.endpoint import GraphQL
from serve_app.gateway.job_door import JobDoor
from serve_app.gateway.manages import Manages
from serve_app.gateway.profile import SENT, DialectPath
from serve_app.gateway.profiles import (
    azureml,
    mlflow,
    oip,
    profiles,
    sagemaker,
    seldon,
    tfs,
    torchserve,
    vertex,
)
from serve_app.gateway.routes import GatewayApp
from serve_app.protocols.by_type import ByType
from serve_app.protocols.dialects import arrow, azure_ml, invocations, kserve_v1, native, tf_serving
from serve_app.protocols.dialects import torchserve as torchserve_dialect
from serve_app.protocols.oip import tensor_bodies
from serve_app.protocols.oip import v2 as oip_v2
from serve_app.protocols.oip import words as oip_words

_PREDICT = ByType(
    native.DIALECT,
    {arrow.MEDIA_TYPE: arrow.DIALECT, kserve_v1.CLOUD_EVENT: kserve_v1.DIALECT},
    answers=frozenset({arrow.MEDIA_TYPE}),
)
"""What `:predict` of the main port speaks."""
_INVOCATIONS = tensor_bodies.WithTensors(
    invocations.DIALECT, tensor_bodies.SAGEMAKER, invocations.marks
)
_ENDPOINT = "{endpoint:bare}"
_VERSION = f"/v1/models/{_ENDPOINT}/versions/{{version:bare}}"
_LABEL = f"/v1/models/{_ENDPOINT}/labels/{{label:bare}}"
_PLACES = (tfs.MODEL, _VERSION, _LABEL)
"""Where an endpoint stands, one of its versions by number or name, and one by an alias."""
DIALECTS: tuple[DialectPath, ...] = (
    DialectPath(f"/v1/models/{_ENDPOINT}:predict", _PREDICT, answers=Deferrable),
    DialectPath(f"/v2/models/{_ENDPOINT}/infer", oip_v2.DIALECT),
    DialectPath("/invocations", _INVOCATIONS),
    DialectPath("/score", azure_ml.DIALECT, ("GET", "POST")),
    DialectPath(f"/predictions/{_ENDPOINT}", torchserve_dialect.DIALECT, SENT),
    *(one for one in seldon.PREDICTIONS if one.path.startswith("/api/")),
    DialectPath(f"/endpoints/{_ENDPOINT}/invocations", _INVOCATIONS),
    *(DialectPath(f"{place}:predict", _PREDICT, answers=Deferrable) for place in _PLACES[1:]),
    DialectPath(f"/v2/models/{_ENDPOINT}/versions/{{version:bare}}/infer", oip_v2.DIALECT),
    DialectPath(f"/predictions/{_ENDPOINT}/{{version:bare}}", torchserve_dialect.DIALECT, SENT),
    DialectPath(sagemaker.INVOKE, _INVOCATIONS),
    *(DialectPath(f"{place}:classify", tf_serving.CLASSIFY) for place in _PLACES),
    *(DialectPath(f"{place}:regress", tf_serving.REGRESS) for place in _PLACES),
    *(explanations.path(f"{place}:explain", _PREDICT) for place in _PLACES),
)
"""The paths that predict, those of which most is expected first.

A path that names no endpoint is answered by the one that headers name, or by the default one.
"""


def build(
    predictor: Predictor,
    settings: Settings,
    keep: Keep | None = None,
    effect: Effect | None = None,
    management: Manages | None = None,
    door: JobDoor | None = None,
) -> GatewayApp:
    """The gateway in front of a predictor, with the strict profiles below their prefixes.

    `keep` takes feedback; without it feedback is refused. `effect` knows what is in effect in
    the whole cluster. `management` changes what is served, where requests may do that. `door` is
    where batch jobs are taken.
    """
    return gateway_of(
        GatewayContext(
            predictor, settings, keep=keep, effect=effect, management=management, jobs=door
        )
    )


def gateway_of(context: GatewayContext) -> GatewayApp:
    """The gateway of a context, with the strict profiles below their prefixes."""
    settings = context.settings
    predictions = [path.route(context) for path in (*DIALECTS, *vertex.predictions(settings))]
    mounted = {name: profile.app(context) for name, profile in profiles(settings).items()}
    return GatewayApp(predictions, _pages(context), context, mounted)


def _pages(context: GatewayContext) -> list[BaseRoute]:
    signatures = tfs.TFServingPages(context)
    health = torchserve.Inference(context)

    async def status(request: Request) -> Response:
        """The versions of an endpoint, as TensorFlow Serving and KServe tell of them."""

        def describe(stage: Stage, versions: list[str]) -> dict[str, Any]:
            ready = context.can_answer(request, stage, versions)
            states = tf_serving.status(context.states(stage, versions))
            return {"name": stage.spec.name, "ready": ready, **states}

        return context.of_endpoint(request, describe)

    return [
        Route("/health", health.ping),
        Route("/version", mlflow.version),
        Route("/v1/models", oip.OpenInferencePages(context).models),
        *(Route(f"{place}/metadata", signatures.metadata) for place in _PLACES),
        *(Route(place, status) for place in _PLACES),
        *native_pages.pages(context),
        *jobs.pages(context),
        *deferred_pages.pages(context),
        *transform_jobs.pages(context),
        *vertex_jobs.pages(context),
        Route("/graphql", GraphQL(context), methods=["GET", "POST"]),
        *oip.pages(replace(context, refuse=oip_words.in_common_form)),
        *torchserve.pages(context),
        *sagemaker.pages(context),
        *azureml.pages(context),
        *seldon.pages(context),
        *vertex.pages(context),
    ]
