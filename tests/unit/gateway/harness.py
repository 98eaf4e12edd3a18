"""The gateway in this process, over models that some tests let fail."""

import asyncio
import html
import itertools
import re

import httpx

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.tasks.as_model import AsModel

ENDPOINTS = {
    "risk": {
        "route": {
            "kind": "split",
            "key": "patient_id",
            "variants": [{"model": "logistic@1", "weight": 1}, {"model": "other@1", "weight": 0}],
        },
        "fallback": "other@1",
    },
    "age": {"route": {"kind": "single", "model": "line@1"}},
    "both": {
        "route": {"kind": "ensemble", "variants": [{"model": "logistic@1"}, {"model": "other@1"}]}
    },
}
ALIASES = {"logistic": {"champion": 1, "both": 1, "gone": 7}, "other": {"both": 1}}
ROW = {"age": 61.0, "dose": 2.5}


class Failing(LocalModels):
    """Models of which some raise what a test says."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors = {}

    async def ask(self, version, task, columns, deadline):
        if version in self.errors:
            raise self.errors[version]
        return await super().ask(version, task, columns, deadline)


class Bare(AsModel):
    """A model as it is asked, which nobody registered."""

    def __init__(self, model):
        self.model = model

    def ask(self, task, columns):
        return task.compute(self.model, columns)


class Client:
    """Talks to the gateway in this process."""

    def __init__(self, predictor, models):
        self.models = models
        self.predictor = predictor
        self.app = build(predictor, Settings(max_body_bytes=10_000, max_rows=50))

    def send(self, method, path, **more):
        async def sent():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.request(method, path, **more)

        return asyncio.run(sent())

    def get(self, path):
        return self.send("GET", path)

    def predict(self, endpoint, *rows, **more):
        body = {"instances": list(rows), **more.pop("body", {})}
        return self.send("POST", f"/v1/models/{endpoint}:predict", json=body, **more)


def client_of(registry):
    """A client of the endpoints, over the versions of a registry."""
    models = Failing(
        {f"{name}@1": load(registry, name, 1).model for name in ("logistic", "other", "line")},
        clock=lambda: 0.0,
    )
    numbers = itertools.count(1)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}")
    endpoints = declare(
        ControlSettings.model_validate({"endpoints": ENDPOINTS}), registry.manifest
    ).checked()
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    predictor.swap(assembler.stages(Snapshot(4, "hash", endpoints, aliases=ALIASES)))
    return Client(predictor, models)


def offered(client):
    """What the page of documentation offers to send: paths with their bodies."""
    options = r'<option data-path="([^"]*)" data-example="([^"]*)">'
    found = re.findall(options, client.get("/docs").text)
    return [(html.unescape(path), html.unescape(body)) for path, body in found]


def answered(client, path, body):
    """The status of an answer to a body of JSON."""
    kind = {"content-type": "application/json"}
    return client.send("POST", path, content=body, headers=kind).status_code
