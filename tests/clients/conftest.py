"""The gateway without Ray on real sockets, for clients that other people wrote."""

import asyncio
import itertools
from dataclasses import dataclass

import pytest

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.errors import ModelFailed
from serve_app.gateway.context import Settings
from serve_app.models.frames import to_columns
from serve_app.storage.feedback import FeedbackStore
from tests.clients import foreign, running

ENDPOINTS = {
    "risk": {
        "route": {
            "kind": "split",
            "variants": [{"model": "logistic@1", "weight": 1}, {"model": "other@1", "weight": 0}],
        }
    },
    "age": {"route": {"kind": "single", "model": "line@1"}},
}
SETTINGS = Settings(
    max_body_bytes=1_000_000, max_rows=20_000, default_endpoint="risk", server_name="triton"
)
ROWS = 20


@dataclass(frozen=True)
class Running:
    """Where the gateway listens, and what is behind it: models, which `local` may replace."""

    http: str
    grpc: str
    models: dict
    local: LocalModels
    feedback: FeedbackStore


@pytest.fixture
def served(registry, tmp_path):
    """A running gateway, which is gone after the test."""
    models = {f"{name}@1": load(registry, name, 1).model for name in ("logistic", "other", "line")}
    numbers = itertools.count(1)
    ids = lambda: f"id-{next(numbers)}"  # noqa: E731
    predictor = Predictor(clock=lambda: 0.0, ids=ids)
    declared = ControlSettings.model_validate({"endpoints": ENDPOINTS})
    local = LocalModels(models, clock=lambda: 0.0)
    assembler = Assembler(replicas=local, inline=local, clock=lambda: 0.0)
    snapshot = Snapshot(4, "hash", declare(declared, registry.manifest).checked())
    predictor.swap(assembler.stages(snapshot))
    store = FeedbackStore(str(tmp_path / "state"))

    async def keep(items):
        return await asyncio.to_thread(store.record_all, items, 0.0)

    with running.gateway(predictor, SETTINGS, ids, keep) as (http, grpc):
        yield Running(http, grpc, models, local, store)


@pytest.fixture(scope="module")
def call(request, tmp_path_factory):
    """Calls a function of the script that a test's module names, in the clients' environment.

    One process answers all tests of a module, for importing a client takes seconds.
    """
    said = tmp_path_factory.mktemp("client") / "stderr"
    with foreign.running(request.module.SCRIPT, said) as calling:
        yield calling


@pytest.fixture
def head(frame):
    """The rows that clients send."""
    return frame.head(ROWS)


@pytest.fixture
def model(served, head):
    """What the first variant of `risk` says of these rows."""
    return served.models["logistic@1"].predict(to_columns(head))


@pytest.fixture
def failing():
    """A model that fails whatever it is asked."""

    class Failing:
        def ask(self, task, columns):
            raise ModelFailed("the model failed")

    return Failing()
