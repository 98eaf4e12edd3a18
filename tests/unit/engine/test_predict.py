"""One request's way through the engine, with models in this process."""

import asyncio
import itertools
import logging

import numpy as np
import pandas as pd
import pytest

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.batcher import Coalescer
from serve_app.core.caller import Caller
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import CoalescedModels
from serve_app.engine.coalesced import Limits as Bounds
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.errors import DeadlineExceeded, InvalidInput, NotFound, NotReady, RateLimited
from serve_app.models.frames import to_columns
from serve_app.security.limits import Limit, Limiter, Limits, Rate
from serve_app.tasks import task_named

ENDPOINTS = {
    "plain": {"route": {"kind": "single", "model": "logistic@1"}},
    "ab": {
        "route": {
            "kind": "split",
            "key": "patient",
            "variants": [{"model": "logistic@1", "weight": 50}, {"model": "other@1", "weight": 50}],
        },
    },
    "both": {
        "route": {
            "kind": "ensemble",
            "variants": [{"model": "logistic@1"}, {"model": "other@1"}],
        },
    },
    "labelled": {
        "route": {"kind": "single", "model": "logistic@1"},
        "monitoring": {"key": "order_id"},
    },
    "kept": {"route": {"kind": "single", "model": "logistic@1"}, "cache": {"rows": 1000}},
    "scaled": {
        "preprocess": {"model": "scaler@1"},
        "route": {"kind": "single", "model": "line@1"},
    },
}


PREDICT = task_named("predict")


class Records(list):
    """Keeps every record."""

    record = list.append


@pytest.fixture
def records():
    return Records()


@pytest.fixture
def predictor(registry, records):
    """An engine whose models run in this process, at time 0 and by numbered ids."""
    numbers = itertools.count(1)
    local = LocalModels(
        {
            f"{name}@1": load(registry, name, 1).model
            for name in ("logistic", "other", "line", "scaler")
        },
        clock=lambda: 0.0,
    )
    settings = ControlSettings.model_validate({"endpoints": ENDPOINTS})
    endpoints = declare(settings, registry.manifest).checked()
    assembler = Assembler(replicas=local, inline=local, clock=lambda: 0.0, draw=lambda: 0.0)
    made = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}", recorder=records)
    made.swap(assembler.stages(Snapshot(7, "hash", endpoints)))
    return made


def ask(predictor, endpoint, frame, **more):
    columns = {name: frame[name].tolist() for name in frame}
    keys = more.pop("keys", {})
    request = Request(endpoint, Payload(columns, len(frame), keys), "request-1", **more)
    return asyncio.run(predictor.predict(request))


def test_an_answer_is_the_librarys_and_says_who_gave_it(predictor, models, frame):
    response = ask(predictor, "plain", frame)
    direct = models["logistic"][0].predict_proba(frame)
    assert response.answer.prediction.probabilities == pytest.approx(direct, rel=1e-14)
    assert response.answer.variants == ("logistic@1",)
    assert response.snapshot_version == 7
    assert response.prediction_id == "id-1"
    assert response.labels == ("ill", "well")


def test_one_key_always_meets_the_same_variant(predictor, frame):
    seen = {
        key: {ask(predictor, "ab", frame[:1], keys={"patient": key}).answer.variants}
        for key in range(40)
        for _ in range(2)
    }
    assert all(len(variants) == 1 for variants in seen.values())
    assert set().union(*seen.values()) == {("logistic@1",), ("other@1",)}


def test_a_key_may_stand_among_the_columns_and_no_model_sees_it(predictor, frame):
    among = ask(predictor, "ab", frame[:1].assign(patient="p-1"))
    beside = ask(predictor, "ab", frame[:1], keys={"patient": "p-1"})
    assert among.answer.variants == beside.answer.variants


def test_the_key_by_which_labels_come_may_stand_in_the_rows_and_no_model_sees_it(
    predictor, records, models, frame
):
    orders = [f"order-{number}" for number in range(len(frame))]
    response = ask(predictor, "labelled", frame.assign(order_id=orders))
    direct = models["logistic"][0].predict_proba(frame)
    assert response.answer.prediction.probabilities == pytest.approx(direct, rel=1e-14)
    (record,) = records
    assert record.columns.names == ("age", "dose")
    assert record.request.payload.columns["order_id"] == orders


def test_an_ensemble_answers_with_the_mean_of_its_members(predictor, models, frame):
    response = ask(predictor, "both", frame)
    members = [models[name][0].predict_proba(frame) for name in ("logistic", "other")]
    assert response.answer.prediction.probabilities == pytest.approx(np.mean(members, axis=0))


def test_preprocessing_comes_before_the_model(predictor, models, frame):
    response = ask(predictor, "scaled", frame)
    direct = models["line"][0].predict(models["scaler"][0].transform(frame))
    assert response.answer.prediction.values.tobytes() == direct.tobytes()


def test_a_version_can_be_asked_for_by_name_or_by_its_number_where_only_one_has_it(
    predictor, frame
):
    assert ask(predictor, "ab", frame, version="other@1").answer.variants == ("other@1",)
    assert ask(predictor, "plain", frame, version="1").answer.variants == ("logistic@1",)
    with pytest.raises(NotFound, match="several versions numbered 1"):
        ask(predictor, "ab", frame, version="1")
    with pytest.raises(NotFound, match=r"logistic@1, other@1"):
        ask(predictor, "ab", frame, version="line@1")


def test_an_endpoint_that_is_not_there_is_said_with_the_nearest_one(predictor, frame):
    with pytest.raises(NotFound, match="Did you mean 'plain'"):
        ask(predictor, "plane", frame)


def test_rows_that_break_the_schema_reach_no_model(predictor, frame):
    with pytest.raises(InvalidInput) as caught:
        ask(predictor, "plain", frame[["age"]])
    assert caught.value.details["violations"][0]["column"] == "dose"


def test_a_clients_deadline_counts_when_it_is_the_shorter_one(predictor, frame):
    with pytest.raises(DeadlineExceeded):
        ask(predictor, "plain", frame, timeout_s=0.0)
    assert ask(predictor, "plain", frame, timeout_s=1e9).answer.variants == ("logistic@1",)


def test_each_request_is_recorded_once_with_all_that_happened_to_it(predictor, frame, records):
    ask(predictor, "plain", frame)
    (record,) = records
    assert (record.endpoint, record.snapshot, record.outcome) == ("plain", 7, "answered")
    assert (record.request.id, record.prediction_id) == ("request-1", "id-1")
    assert record.plan.variants == ("logistic@1",)
    assert record.columns.rows == len(frame)
    assert record.answer.variants == ("logistic@1",)
    assert record.error is None


def test_hits_of_a_cache_are_recorded_like_other_answers(predictor, frame, records):
    ask(predictor, "kept", frame)
    ask(predictor, "kept", frame)
    assert [record.cached_rows for record in records] == [0, len(frame)]
    assert {record.outcome for record in records} == {"answered"}


def test_failures_are_recorded_as_far_as_they_came(predictor, frame, records):
    with pytest.raises(InvalidInput):
        ask(predictor, "plain", frame[["age"]])
    with pytest.raises(DeadlineExceeded):
        ask(predictor, "plain", frame, timeout_s=-1.0)
    refused, late = records
    assert (refused.outcome, refused.columns, refused.answer) == ("invalid_input", None, None)
    assert refused.plan.variants == ("logistic@1",)
    assert late.outcome == "deadline_exceeded"
    assert late.columns.rows == len(frame)
    assert late.prediction_id is None


def test_nothing_is_logged_per_request_unless_it_is_asked_for(predictor, frame, caplog):
    with caplog.at_level(logging.INFO, "serve_app.predict"):
        ask(predictor, "plain", frame[:1])
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, "serve_app.predict"):
        ask(predictor, "plain", frame[:1])
    (record,) = caplog.records
    assert (record.endpoint, record.request_id, record.rows) == ("plain", "request-1", 1)
    assert record.variants == ("logistic@1",)


class TestLocal:
    def test_a_version_that_is_not_loaded_is_not_ready(self, frame):
        with pytest.raises(NotReady, match="nobody@1"):
            asyncio.run(
                LocalModels({}, clock=lambda: 0.0).ask("nobody@1", PREDICT, to_columns(frame), 1)
            )


class TestCoalesced:
    def test_requests_that_come_together_are_one_call_and_each_gets_its_own_rows(
        self, registry, models, frame
    ):
        calls = []

        class Counted(LocalModels):
            async def ask(self, version, task, columns, deadline):
                calls.append(columns.rows)
                return await super().ask(version, task, columns, deadline)

        local = Counted({"logistic@1": load(registry, "logistic", 1).model}, clock=lambda: 0.0)
        limits = Bounds(max_rows=1024, max_calls=4, max_waiting_rows=4096, slow_call_s=0.02)
        coalesced = CoalescedModels(local, clock=lambda: 0.0, limits=limits)

        async def all_at_once():
            rows = [to_columns(frame[i : i + 1]) for i in range(50)]
            return await asyncio.gather(
                *[coalesced.ask("logistic@1", PREDICT, row, 10.0) for row in rows]
            )

        answers = asyncio.run(all_at_once())
        assert calls == [50]
        direct = models["logistic"][0].predict_proba(frame[:50])
        assert np.vstack([a.probabilities for a in answers]) == pytest.approx(direct, rel=1e-12)

    def test_versions_that_left_are_forgotten_and_come_back(self, registry, frame):
        local = LocalModels({"logistic@1": load(registry, "logistic", 1).model}, clock=lambda: 0.0)
        limits = Bounds(max_rows=10, max_calls=1, max_waiting_rows=100, slow_call_s=0.02)
        coalesced = CoalescedModels(local, clock=lambda: 0.0, limits=limits)
        for _ in range(2):
            answer = asyncio.run(coalesced.ask("logistic@1", PREDICT, to_columns(frame[:2]), 10.0))
            assert len(answer.values) == 2
            coalesced.retire(set())


async def test_the_queue_of_a_version_knows_whose_rows_wait_and_whether_they_are_few(
    registry, frame
):
    flows = []

    class Noting(Coalescer):
        def submit(self, columns, deadline, flow=None):
            flows.append(flow)
            return super().submit(columns, deadline, flow)

    models = {"logistic@1": load(registry, "logistic", 1).model}
    limits = Bounds(max_rows=999, max_calls=1, max_waiting_rows=999, slow_call_s=9.0)
    local = LocalModels(models, clock=lambda: 0.0)
    coalesced = CoalescedModels(local, clock=lambda: 0.0, limits=limits, coalescer=Noting)
    settings = ControlSettings.model_validate({"endpoints": {"plain": ENDPOINTS["plain"]}})
    endpoints = declare(settings, registry.manifest).checked()
    assembler = Assembler(replicas=coalesced, inline=coalesced, clock=lambda: 0.0)
    made = Predictor(clock=lambda: 0.0, ids=lambda: "id")
    made.swap(assembler.stages(Snapshot(1, "hash", endpoints)))
    few, many = frame[:1], pd.concat([frame] * 65)[:65]
    for name, part in (("ann", few), ("bob", many)):
        columns = {column: part[column].tolist() for column in part}
        request = Request("plain", Payload(columns, len(part), {}), "id", caller=Caller(name))
        await asyncio.create_task(made.predict(request))
    assert flows == [("ann", False), ("bob", True)]


def test_rows_beyond_a_callers_limit_are_refused_before_anybody_is_asked(registry, frame, records):
    limits = Limits(Limit(rows=Rate(1.0, 5.0)), {"bob": Limit()})
    limiter = Limiter(limits, clock=lambda: 0.0)
    local = LocalModels({"logistic@1": load(registry, "logistic", 1).model}, clock=lambda: 0.0)
    settings = ControlSettings.model_validate({"endpoints": {"plain": ENDPOINTS["plain"]}})
    endpoints = declare(settings, registry.manifest).checked()
    assembler = Assembler(replicas=local, inline=local, clock=lambda: 0.0)
    made = Predictor(clock=lambda: 0.0, ids=lambda: "id", recorder=records, limiter=limiter)
    made.swap(assembler.stages(Snapshot(1, "hash", endpoints)))
    ask(made, "plain", frame[:5], caller=Caller("ann"))
    with pytest.raises(RateLimited, match="ann: rows to endpoint 'plain' are limited"):
        ask(made, "plain", frame[:1], caller=Caller("ann"))
    ask(made, "plain", frame[:5], caller=Caller("carl"))
    for _ in range(3):
        ask(made, "plain", frame, caller=Caller("bob"))
    assert [type(one.error).__name__ for one in records if one.error] == ["RateLimited"]
    assert records[1].plan is None
