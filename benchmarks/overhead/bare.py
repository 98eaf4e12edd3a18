"""The least that a Ray Serve application can be around a model: JSON rows in, numbers out."""

from typing import Any

import numpy as np
import orjson
from ray import serve
from ray.serve import Application
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serve_app.core.columns import Columns
from serve_app.core.ports import Model
from serve_app.core.reference import split_version
from serve_app.engine.load import load
from serve_app.registry.store import Registry


@serve.deployment(name="Bare")
@serve.ingress()
class Bare:
    """Holds one version and answers `POST /predict` with it: no schema, no route, no metrics."""

    def __init__(self, registry: str, version: str) -> None:
        loaded = load(Registry(registry), *split_version(version))
        self._model = loaded.model
        self._names = tuple(column.name for column in loaded.manifest.signature.inputs)

    async def __serve_build_asgi_app__(self) -> Starlette:
        """Serve asks for what answers requests."""
        return Starlette(routes=[Route("/predict", Predict(self._model, self._names))])


class Predict:
    """Answers a request: an ASGI application, so that Starlette makes no objects for it."""

    def __init__(self, model: Model, names: tuple[str, ...]) -> None:
        self._model = model
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Read rows, ask the model, write its values."""
        rows = orjson.loads((await receive())["body"])["instances"]
        block = np.array([[row[name] for name in self._names] for row in rows])
        said = self._model.predict(Columns.from_block(self._names, block))
        body = orjson.dumps({"predictions": said.values}, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def build(args: dict[str, Any]) -> Application:
    """`import_path: benchmarks.overhead.bare:build`."""
    return Bare.bind(args["registry"], args["version"])  # type: ignore[attr-defined, no-any-return]
