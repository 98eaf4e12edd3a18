"""Values that break a model are the caller's to mend: row, column and cause, in every dialect."""

import asyncio
import itertools

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.lanes import Lanes
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import RowsRefused
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry

LIMITS = Limits(max_rows=64, max_calls=2, max_waiting_rows=10_000, slow_call_s=0.02)
GOOD = {"booked": "2026-01-31", "nights": 3.0}
BAD = {"booked": "not a date", "nights": 3.0}
_numbers = itertools.count()


def months(frame):
    booked = pd.to_datetime(frame["booked"])
    if len(frame) == 13:
        raise RuntimeError("thirteen rows are too many for me")
    return np.column_stack([booked.dt.month, frame["nights"]])


@pytest.fixture(scope="module")
def registry():
    """A Pipeline that parses dates, registered as people do."""
    dates = pd.date_range("2026-01-01", periods=60).strftime("%Y-%m-%d").tolist()
    frame = pd.DataFrame({"booked": dates, "nights": np.arange(60.0) % 7})
    prices = np.arange(60.0)
    pipeline = make_pipeline(FunctionTransformer(months), LinearRegression()).fit(frame, prices)
    store = Registry(f"memory://refused-{next(_numbers)}")
    register(store, Candidate("prices", pipeline, frame), allow_pickle=True)
    return store


@pytest.fixture(params=[None, {"rows": 50, "ttl_s": 1e9}], ids=["uncached", "cached"])
def ask(request, registry):
    """Ask a gateway whose models compute as they do in replicas."""
    with Lanes("tests") as thread:
        models = {"prices@1": load(registry, "prices", 1, allow_pickle=True).model}
        local = LocalModels(models, clock=lambda: 0.0, lanes=thread)
        coalesced = CoalescedModels(local, clock=lambda: 0.0, limits=LIMITS)
        settings = {"route": {"kind": "single", "model": "prices@1"}, "cache": request.param}
        declared = ControlSettings.model_validate({"endpoints": {"prices": settings}})
        endpoints = declare(declared, registry.manifest).checked()
        assembler = Assembler(replicas=coalesced, inline=coalesced, clock=lambda: 0.0)
        predictor = Predictor(clock=lambda: 0.0, ids=lambda: "id")
        predictor.swap(assembler.stages(Snapshot(1, "hash", endpoints)))
        app = build(predictor, Settings(max_body_bytes=100_000, max_rows=1000))

        def send(*bodies, path="/v1/models/prices:predict"):
            async def sent():
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
                    return await asyncio.gather(*(client.post(path, json=b) for b in bodies))

            return asyncio.run(sent())

        yield send


def rows(*instances):
    return {"instances": list(instances)}


def v2(*instances):
    booked = [row["booked"] for row in instances]
    nights = [row["nights"] for row in instances]
    shape = [len(instances)]
    return {
        "inputs": [
            {"name": "booked", "shape": shape, "datatype": "BYTES", "data": booked},
            {"name": "nights", "shape": shape, "datatype": "FP64", "data": nights},
        ]
    }


def records(*instances):
    return {"dataframe_records": list(instances)}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/prices:predict", rows),
        ("/v2/models/prices/infer", v2),
        ("/invocations", records),
        ("/predictions/prices", rows),
    ],
)
def test_a_value_that_a_pipeline_cannot_parse_is_a_400_with_row_column_and_cause(ask, path, body):
    (answer,) = ask(body(GOOD, GOOD, BAD), path=path)
    assert answer.status_code == 400
    said = answer.json()
    assert (said["row"], said["column"], said["seen"]) == (2, "booked", "'not a date'")
    assert said["violations"][0]["row"] == 2
    assert "not a date" in said["cause"]
    assert "row 2, column 'booked', 'not a date'" in said["error"]
    assert said["error_code"] == "rows_refused"


def test_each_of_many_requests_at_once_hears_of_its_own_row(ask):
    bodies = [rows(GOOD, GOOD), rows(BAD), rows(GOOD), rows(GOOD, GOOD, GOOD, BAD), rows(GOOD)]
    answers = ask(*bodies)
    assert [answer.status_code for answer in answers] == [200, 400, 200, 400, 200]
    assert [answer.json().get("row") for answer in answers] == [None, 0, None, 3, None]


def test_rows_that_a_cache_knows_are_counted(ask):
    assert ask(rows(GOOD))[0].status_code == 200
    (answer,) = ask(rows(GOOD, GOOD, BAD, GOOD))
    assert answer.json()["row"] == 2
    assert "row 2, " in answer.json()["error"]


def test_a_failure_that_no_row_explains_stays_a_500(ask):
    different = [{**GOOD, "nights": float(number)} for number in range(13)]
    (answer,) = ask(rows(*different))
    assert answer.status_code == 500
    assert answer.json()["error_code"] == "model_failed"
    assert "thirteen" not in answer.text


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("estimator", [LogisticRegression(), SVC()])
def test_what_a_library_refuses_is_told_with_row_and_column_whoever_computes(estimator, native):
    frame = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 3})
    label = (frame["a"] > 20).astype(int)
    store = Registry(f"memory://refused-{next(_numbers)}")
    register(store, Candidate("m", estimator.fit(frame, label), frame))
    model = load(store, "m", 1, native=native).model
    broken = frame.head(9).assign(b=[0, 1, 2, 0, 1, np.inf, 0, 1, np.inf])
    with pytest.raises(RowsRefused, match="row 5, column 'b', Infinity: ") as refused:
        model.predict(to_columns(broken))
    assert refused.value.details["row"] == 5
    assert refused.value.details["column"] == "b"
