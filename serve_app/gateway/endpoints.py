"""What each path does: a few lines that join a dialect to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request as HTTPRequest
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.responses import Response as HTTPResponse
from starlette.types import Receive, Scope, Send

from serve_app import __version__
from serve_app.core.messages import Request, Response
from serve_app.core.snapshot import Endpoint
from serve_app.engine.predict import Predictor
from serve_app.engine.stages import Stage
from serve_app.errors import InvalidInput, NotFound, NotReady
from serve_app.gateway import bodies, compression, docs, errors, openapi
from serve_app.protocols import oip_outputs, oip_v2, tf_serving
from serve_app.protocols.dialect import Call, Dialect, Reply


@dataclass(frozen=True, slots=True)
class Settings:
    """What one request may cost, and who answers where a path names no endpoint."""

    max_body_bytes: int
    max_rows: int
    default_endpoint: str | None = None
    server_name: str = "serve-app"
    compress_above_bytes: int = 65_536


class Predictions:
    """The path that predicts, in one dialect. An ASGI application: the hot path."""

    def __init__(self, predictor: Predictor, dialect: Dialect, settings: Settings) -> None:
        self._predictor = predictor
        self._dialect = dialect
        self._max_body_bytes = settings.max_body_bytes
        self._max_rows = settings.max_rows
        self._default = settings.default_endpoint
        self._compress_above = settings.compress_above_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        request_id = headers.get("x-request-id", "")
        try:
            response = await self._predict(scope["path_params"], receive, headers, request_id)
            reply = self._dialect.encode(response)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            refused = errors.response(error, request_id, refuse=self._dialect.refuse)
            await refused(scope, receive, send)
            return
        if len(reply.body) > self._compress_above and "accept-encoding" in headers:
            reply = _compressed(reply, headers["accept-encoding"])
        marks = _marks(response, reply)
        await send({"type": "http.response.start", "status": 200, "headers": marks})
        await send({"type": "http.response.body", "body": reply.body})

    async def _predict(
        self,
        parameters: dict[str, str],
        receive: Receive,
        headers: dict[str, str],
        request_id: str,
    ) -> Response:
        target = self._dialect.target(headers)
        name = parameters.get("endpoint") or target.endpoint or self._default
        stage = self._predictor.stages.endpoint(name)
        body = await bodies.read(
            receive, headers, max_bytes=self._max_body_bytes, accepted=self._dialect.media_types
        )
        columns = stage.spec.signature.inputs
        payload = self._dialect.decode(Call(body, stage.names, self._max_rows, headers, columns))
        return await self._predictor.predict(
            Request(
                endpoint=stage.spec.name,
                payload=payload,
                id=request_id,
                version=parameters.get("version") or target.version,
                headers=headers,
                timeout_s=_timeout_s(headers),
            )
        )


class Pages:
    """Everything that tells of the endpoints and asks none of them."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self._predictor = predictor
        self._name = settings.server_name

    async def live(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """The process answers."""
        return _json({"live": True})

    async def ready(self, request: HTTPRequest) -> HTTPResponse:
        """A snapshot is here, so endpoints can be asked."""
        return self._if_ready(request, {"ready": True, "live": True})

    async def ping(self, request: HTTPRequest) -> HTTPResponse:
        """Endpoints can be asked: what MLflow, SageMaker and TorchServe poll."""
        return self._if_ready(request, {"status": "Healthy"})

    async def version(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """The version of this server, as MLflow's clients read it."""
        return PlainTextResponse(__version__)

    async def server(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """Name, version and extensions of this server."""
        return _json(
            {"name": self._name, "version": __version__, "extensions": list(oip_v2.EXTENSIONS)}
        )

    async def endpoints(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """All endpoints with their variants and weights as they are now."""
        stages = self._predictor.stages
        return _json(
            {
                "snapshot": stages.version,
                "endpoints": [_described(s.spec) for s in stages.endpoints.values()],
                "waiting": stages.waiting,
                "set_at_run_time": stages.overrides,
            }
        )

    async def models(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """The names of all endpoints."""
        return _json({"models": sorted(self._predictor.stages.endpoints)})

    async def index(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """All endpoints and versions that answer, as Triton lists its repository."""
        stages = self._predictor.stages.endpoints.values()
        return _json(
            [
                {"name": s.spec.name, "version": v.version, "state": "READY", "reason": ""}
                for s in stages
                for v in s.spec.variants
            ]
        )

    async def tf_status(self, request: HTTPRequest) -> HTTPResponse:
        """The versions of an endpoint, as TensorFlow Serving and KServe tell of them."""
        return self._of_endpoint(request, _tf_status)

    async def tf_metadata(self, request: HTTPRequest) -> HTTPResponse:
        """An endpoint's columns and outputs, as TensorFlow Serving describes signatures."""
        return self._of_endpoint(request, _tf_metadata)

    async def explain(self, request: HTTPRequest) -> HTTPResponse:
        """There are no explanations yet."""
        name = request.path_params["endpoint"]
        return _refused(request, NotFound(f"endpoint {name[:80]!r} has no explainer; use :predict"))

    async def model(self, request: HTTPRequest) -> HTTPResponse:
        """An endpoint's columns and outputs."""
        return self._of_endpoint(request, _metadata)

    async def model_ready(self, request: HTTPRequest) -> HTTPResponse:
        """An endpoint can be asked."""
        return self._of_endpoint(request, _ready)

    async def openapi(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """The OpenAPI document of the endpoints as they are now."""
        return _json(self._document())

    async def docs(self, request: HTTPRequest) -> HTTPResponse:  # noqa: ARG002
        """The documentation page."""
        return HTMLResponse(docs.page(self._document()), headers=docs.HEADERS)

    async def home(self, request: HTTPRequest) -> HTTPResponse:
        """People who open the address want the documentation, KServe's clients a sign of life."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/docs")
        return _json({"status": "alive"})

    def _if_ready(self, request: HTTPRequest, body: dict[str, Any]) -> HTTPResponse:
        if self._predictor.stages.version == 0:
            return _refused(request, NotReady("no snapshot has arrived from control yet"))
        return _json(body)

    def _of_endpoint(self, request: HTTPRequest, describe: Any) -> HTTPResponse:
        try:
            stage = self._predictor.stages.endpoint(request.path_params["endpoint"])
            versions = stage.versions(request.path_params.get("version"))
        except Exception as error:  # noqa: BLE001 - becomes an answer
            return _refused(request, error)
        return _json(describe(stage, versions))

    def _document(self) -> dict[str, Any]:
        stages = self._predictor.stages
        described = [_for_openapi(stage.spec) for stage in stages.endpoints.values()]
        return openapi.document(described, title="serve-app", version=__version__)


def _timeout_s(headers: dict[str, str]) -> float | None:
    """The time that the client gives, in seconds; it can only shorten the endpoint's.

    Raises:
        InvalidInput: it is not a number above 0.
    """
    given = headers.get("x-timeout-s")
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        msg = f"the header x-timeout-s must be a number of seconds above 0, got {given[:40]!r}"
        raise InvalidInput(msg)
    return seconds


def _marks(response: Response, reply: Reply) -> list[tuple[bytes, bytes]]:
    answer = response.answer
    marks = [
        (b"content-length", b"%d" % len(reply.body)),
        (b"content-type", reply.media_type),
        *reply.headers,
        (b"x-prediction-id", response.prediction_id.encode()),
        (b"x-variant", ",".join(answer.variants).encode()),
        (b"x-snapshot", b"%d" % response.snapshot_version),
    ]
    if answer.fallback:
        marks.append((b"x-fallback", b"true"))
    if response.cached_rows is not None:
        marks.append((b"x-cache", _cache_mark(response.cached_rows, response)))
    return marks


def _compressed(reply: Reply, accepted: str) -> Reply:
    name = compression.encoding(accepted)
    vary = (b"vary", b"accept-encoding")
    if name is None:
        return reply._replace(headers=(*reply.headers, vary))
    said = (b"content-encoding", name.encode())
    return Reply(
        compression.packed(reply.body, name), reply.media_type, (*reply.headers, said, vary)
    )


def _cache_mark(cached: int, response: Response) -> bytes:
    rows = response.request.payload.rows
    if cached in {0, rows}:
        return b"hit" if cached else b"miss"
    return b"hit; rows=%d/%d" % (cached, rows)


def _metadata(stage: Stage, versions: list[str]) -> dict[str, Any]:
    return oip_outputs.metadata(stage.spec.name, stage.spec.signature, versions)


def _tf_metadata(stage: Stage, versions: list[str]) -> dict[str, Any]:
    return tf_serving.metadata(stage.spec.name, stage.spec.signature, versions)


def _tf_status(stage: Stage, versions: list[str]) -> dict[str, Any]:
    return tf_serving.status(stage.spec.name, versions)


def _ready(stage: Stage, versions: list[str]) -> dict[str, Any]:  # noqa: ARG001
    return {"name": stage.spec.name, "ready": True}


def _described(spec: Endpoint) -> dict[str, Any]:
    return {
        "name": spec.name,
        "route": spec.kind,
        "key": spec.key,
        "combine": spec.combine,
        "quorum": spec.quorum if spec.combine else None,
        "variants": [{"version": v.version, "weight": v.weight} for v in spec.variants],
        "placement": "inline" if spec.inline else "replicas",
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


def _for_openapi(spec: Endpoint) -> openapi.EndpointDescription:
    return openapi.EndpointDescription(
        name=spec.name,
        inputs=spec.signature.inputs,
        output=spec.signature.output,
        variants=tuple((v.version, v.weight) for v in spec.variants),
        kind=spec.kind,
        example=spec.example,
        reactions=spec.reactions,
    )


def _refused(request: HTTPRequest, error: Exception) -> HTTPResponse:
    return errors.response(error, request.headers.get("x-request-id", ""))


def _json(body: Any) -> HTTPResponse:
    return HTTPResponse(
        orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )
