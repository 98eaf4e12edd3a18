"""A task is one file and a line of a table: this one adds one, and nothing else.

It answers with how far each row's probabilities are from deciding otherwise: a number of its
own per row, computed where the model is, that predictions come without.
"""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from serve_app.core.columns import concatenate
from serve_app.core.lanes import Lanes
from serve_app.core.messages import stacked
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.load import load
from serve_app.engine.local import InlineModels, LocalModels
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from serve_app.tasks import TASKS, task_named
from serve_app.tasks.task import Method, Task
from tests.unit.gateway.harness import ROW, client_of
from tests.unit.gateway.test_methods import ASKING
from tests.unit.gateway.test_methods import said as answered

COMPUTED = []
"""How many rows each computation had."""


class Margin(Task):
    """The likeliest class's probability less that of the next."""

    name = "margin"
    methods = (
        Method(
            name="margin",
            words="margins",
            part=lambda prediction: (prediction.tensors or {}).get("margin"),
            is_given=lambda output: output.probabilities and not output.targets,
            width=lambda _output: 1,
            aliases=("how_sure",),
        ),
    )

    def compute(self, model, columns):
        COMPUTED.append(columns.rows)
        prediction = model.predict(columns)
        if prediction.probabilities is None:
            raise InvalidInput("it has no probabilities")
        ordered = np.sort(prediction.probabilities, axis=1)
        return replace(prediction, tensors={"margin": ordered[:, -1] - ordered[:, -2]})

    def join(self, parts):
        return stacked(parts)


@pytest.fixture(autouse=True)
def table_line(monkeypatch):
    monkeypatch.setitem(TASKS, "margin", f"{__name__}:Margin")
    COMPUTED.clear()


@pytest.fixture
def registry(models, tmp_path):
    store = Registry(str(tmp_path))
    for name in ("logistic", "other", "line"):
        register(store, Candidate(name, *models[name]))
    return store


@pytest.fixture
def client(registry):
    made = client_of(registry)
    made.app = build(made.predictor, Settings(10_000, 50, default_endpoint="risk"))
    return made


@pytest.fixture
def wanted(models, frame):
    ill = models["logistic"][0].predict_proba(frame.head(1).assign(**ROW)[list(ROW)])[0]
    return abs(ill[0] - ill[1])


@pytest.mark.parametrize("name", ["margin", "how_sure"])
@pytest.mark.parametrize("dialect", ASKING)
def test_every_dialect_with_a_place_for_methods_asks_for_it(client, wanted, dialect, name):
    answer = client.send("POST", **ASKING[dialect](name))
    assert answered(dialect, answer) == pytest.approx(wanted, rel=1e-9)


def test_predictions_do_without(client):
    assert client.predict("risk", ROW).json()["predictions"] == ["ill"]
    assert COMPUTED == []


def test_clients_are_told_of_it_beforehand(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    names = {
        name: schemas[f"{name}.Request"]["properties"]["signature_name"]["enum"]
        for name in ("risk", "age")
    }
    assert ["margin" in names[name] for name in ("risk", "age")] == [True, False]
    metadata = client.get("/v1/models/risk/metadata").json()
    assert "margin" in metadata["metadata"]["signature_def"]["signature_def"]


def test_graphql_has_a_field_for_it(client, wanted):
    query = "{ predict { risk(rows: [{age: 61.0, dose: 2.5}]) { predictions margin } } }"
    answer = client.send("POST", "/graphql", json={"query": query}).json()
    risk = answer["data"]["predict"]["risk"]
    assert risk == {"predictions": ["ill"], "margin": pytest.approx([wanted], rel=1e-9)}


def test_two_tasks_are_not_asked_at_once(client):
    query = "{ predict { risk(rows: [{age: 61.0, dose: 2.5}]) { rawScores margin } } }"
    answer = client.send("POST", "/graphql", json={"query": query}).json()
    assert "computed apart" in answer["errors"][0]["message"]
    tensors = ASKING["oip_v2"]("margin")
    tensors["content"] = tensors["content"].replace(
        b'"outputs": [', b'"outputs": [{"name": "raw_scores"}, '
    )
    both = client.send("POST", **tensors)
    assert both.status_code == 400
    assert "computed apart" in both.text


def test_models_that_cannot_and_ensembles_say_so_in_its_words(client):
    body = {"signature_name": "margin"}
    age, both = (client.predict(name, ROW, body=body) for name in ("age", "both"))
    assert (age.status_code, both.status_code) == (400, 400)
    assert age.json()["error"] == "line@1: it has no probabilities"
    assert both.json()["error"].startswith("an ensemble has no margins")


@pytest.mark.parametrize("inline", [False, True])
def test_what_comes_together_goes_together_and_each_gets_its_own(registry, frame, inline):
    limits = Limits(max_rows=999, max_calls=1, max_waiting_rows=999, slow_call_s=9.0)
    loaded = load(registry, "logistic", 1, native=True)
    with Lanes("tests") as thread:
        if inline:
            models = InlineModels(clock=lambda: 0.0, limits=limits, lanes=thread)
            models.replace({"logistic@1": loaded})
        else:
            local = LocalModels({"logistic@1": loaded.model}, clock=lambda: 0.0)
            models = CoalescedModels(local, clock=lambda: 0.0, limits=limits)
        rows = to_columns(frame)

        async def ask():
            task = task_named("margin")
            parts = [rows.slice(j, j + 1) for j in range(20)]
            return await asyncio.gather(
                *(models.ask("logistic@1", task, part, 1.0) for part in parts)
            )

        answers = asyncio.run(ask())
    assert COMPUTED == [20]
    shares = loaded.model.predict(rows.slice(0, 20)).probabilities
    wanted = np.abs(shares[:, 0] - shares[:, 1])
    assert [one.tensors["margin"][0] for one in answers] == pytest.approx(wanted, rel=1e-12)


def test_threads_share_its_large_batches(registry, frame, models):
    trees = HistGradientBoostingClassifier(max_iter=20).fit(
        frame, models["logistic"][0].predict(frame)
    )
    register(registry, Candidate("trees", trees, frame), compile="required")
    shared = load(registry, "trees", 1).in_threads(2)
    rows = concatenate([to_columns(frame)] * 50)
    task = task_named("margin")
    alone = load(registry, "trees", 1).model.ask(task, rows)
    COMPUTED.clear()
    shared.model.model._row_s = 1.0
    together = shared.model.ask(task, rows)
    assert len(COMPUTED) == 2
    assert together.tensors["margin"].tobytes() == alone.tensors["margin"].tobytes()
