"""An endpoint's explanation is that of those who answered, of the columns that they were given."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.explain import AskWhy
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.errors import DeadlineExceeded, InvalidInput

ROW = {"age": [61.0, 40.0], "dose": [2.5, 1.0]}
BOTH = [{"model": "logistic@1", "weight": 3}, {"model": "other@1", "weight": 1}]
ENDPOINTS = {
    "prepared": {
        "route": {"kind": "single", "model": "other@1"},
        "preprocess": {"model": "scaler@1"},
    },
    "kept": {
        "route": {"kind": "single", "model": "other@1"},
        "preprocess": {"model": "scaler@1"},
        "cache": {"rows": 100},
    },
    "weighted": {"route": {"kind": "ensemble", "combine": "weighted", "variants": BOTH}},
    "vote": {"route": {"kind": "ensemble", "combine": "vote", "variants": BOTH}},
    "turned": {
        "route": {"kind": "split", "variants": [{"model": "logistic@1"}, {"model": "other@1"}]}
    },
}


class Records:
    def __init__(self):
        self.kept = []

    def record(self, record):
        self.kept.append(record)


@pytest.fixture
def house(registry):
    names = ("logistic", "other", "scaler")
    models = LocalModels(
        {f"{name}@1": load(registry, name, 1).model for name in names}, clock=lambda: 0.0
    )
    numbers, records = itertools.count(1), Records()
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}", recorder=records)
    settings = ControlSettings.model_validate({"endpoints": ENDPOINTS})
    endpoints = declare(settings, registry.manifest).checked()
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0, draw=lambda: 0.5)
    predictor.swap(assembler.stages(Snapshot(1, "hash", endpoints)))
    return predictor, records


def explain(predictor, endpoint, **more):
    return asyncio.run(predictor.explain(Request(endpoint, Payload(ROW, 2), "r", **more)))


class Counted:
    """Counts what an endpoint does with rows before models see them."""

    def __init__(self, predictor, endpoint):
        self.stage = predictor.stages.endpoints[endpoint]
        self.validated, self.prepared = [], []
        stage = replace(self.stage, schema=self, prepare=self.prepare)
        predictor.swap(replace(predictor.stages, endpoints={endpoint: stage}))

    def validate(self, columns, rows):
        self.validated.append(rows)
        return self.stage.schema.validate(columns, rows)

    async def prepare(self, columns, deadline):
        self.prepared.append(columns.rows)
        return await self.stage.prepare(columns, deadline)


def test_an_explained_request_is_one_prediction_in_the_records(house):
    predictor, records = house
    response, explained = explain(predictor, "turned")
    (record,) = records.kept
    assert record.prediction_id == response.prediction_id == "id-1"
    assert record.answer is response.answer
    assert explained.explanation.rows == 2


def test_rows_are_validated_and_prepared_once_for_the_answer_and_its_explanation(house):
    predictor, _ = house
    counted = Counted(predictor, "prepared")
    _, explained = explain(predictor, "prepared")
    assert (counted.validated, counted.prepared) == ([2], [2])
    assert explained.explanation.rows == 2


def test_rows_that_a_cache_knows_are_prepared_to_be_explained(house):
    predictor, _ = house
    counted = Counted(predictor, "kept")
    _, wanted = explain(predictor, "kept")
    assert counted.prepared == [2]
    response, explained = explain(predictor, "kept")
    assert response.cached_rows == 2
    assert (counted.validated, counted.prepared) == ([2, 2], [2, 2])
    outputs = wanted.explanation.outputs.tolist()
    assert explained.explanation.outputs.tolist() == outputs


def test_where_a_cache_knows_some_rows_all_are_explained(house):
    predictor, _ = house
    counted = Counted(predictor, "kept")
    first = {name: values[:1] for name, values in ROW.items()}
    asyncio.run(predictor.predict(Request("kept", Payload(first, 1), "r")))
    response, explained = explain(predictor, "kept")
    assert response.cached_rows == 1
    assert counted.prepared == [1, 1, 2]
    assert explained.explanation.rows == 2


def test_behind_a_transformer_columns_are_still_those_that_were_sent(house):
    predictor, _ = house
    response, (explanation, prepared_by) = explain(predictor, "prepared")
    assert prepared_by is None
    assert explanation.features == ("age", "dose")
    shares = response.answer.prediction.probabilities[:, 1]
    odds = explanation.outputs[:, 0]
    assert shares.tolist() == pytest.approx((1 / (1 + 2.718281828459045**-odds)).tolist())


def test_where_features_are_made_of_several_columns_the_answer_says_so(house):
    predictor, _ = house
    stage = predictor.stages.endpoints["prepared"]

    async def refuse(version, task, columns, deadline):
        raise InvalidInput("nobody knows")

    why = replace(stage.why, transformers=Asked(refuse))
    changed = replace(stage, why=why)
    predictor.swap(replace(predictor.stages, endpoints={"prepared": changed}))
    _, explained = explain(predictor, "prepared")
    assert explained.prepared_by == "scaler@1"


def test_members_of_an_ensemble_count_by_their_weights(house):
    predictor, _ = house
    whole = explain(predictor, "weighted")[1].explanation
    first = explain(predictor, "weighted", version="logistic@1")[1].explanation
    second = explain(predictor, "weighted", version="other@1")[1].explanation
    wanted = (3 * first.contributions + second.contributions) / 4
    assert whole.contributions == pytest.approx(wanted)
    assert whole.outputs == pytest.approx((3 * first.outputs + second.outputs) / 4)


def test_a_vote_is_not_explained_but_each_of_its_members_is(house):
    predictor, _ = house
    with pytest.raises(InvalidInput, match=r"vote .*logistic@1, other@1"):
        explain(predictor, "vote")
    assert explain(predictor, "vote", version="other@1")[1].explanation.methods == ("linear",)


def test_a_client_s_time_is_that_of_the_explanation_too(house):
    predictor, _ = house
    seen = []

    async def ask(version, task, columns, deadline):
        seen.append((task.name, deadline))
        raise DeadlineExceeded("late")

    stage = predictor.stages.endpoints["turned"]
    why = AskWhy(Asked(ask), stage.spec, Asked(ask))
    for timeout_s, deadline in ((None, 60.0), (2.0, 2.0), (500.0, 60.0)):
        changed = replace(stage, why=why)
        predictor.swap(replace(predictor.stages, endpoints={"turned": changed}))
        with pytest.raises(DeadlineExceeded):
            explain(predictor, "turned", timeout_s=timeout_s)
        assert seen.pop() == ("explain", deadline)


class Asked:
    def __init__(self, ask):
        self.ask = ask
