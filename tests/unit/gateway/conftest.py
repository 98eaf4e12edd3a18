"""The gateway without Ray, in front of registered models."""

import itertools

import pytest

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.predict import Predictor
from tests.unit.gateway.harness import ALIASES, ENDPOINTS, Client, Failing


@pytest.fixture
def client(registry):
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
