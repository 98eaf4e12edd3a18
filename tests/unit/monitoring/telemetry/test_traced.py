"""Each step of a request has its span; a call for several requests is linked with theirs."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from opentelemetry.trace import SpanKind

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Failure, Payload, Prediction, Request
from serve_app.core.policy import Policy
from serve_app.core.record import Record
from serve_app.core.signature import Column
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.errors import InvalidInput, ModelFailed
from serve_app.monitoring.telemetry.current import current
from serve_app.monitoring.telemetry.traced import (
    CarryingOffload,
    TracedCalls,
    TracedCoalescer,
    TracedModels,
    TracedRecords,
    schema_of,
)
from serve_app.tasks import task_named
from tests.unit.monitoring.telemetry.spans import Spans

LIMITS = Limits(max_rows=100, max_calls=1, max_waiting_rows=1000, slow_call_s=60.0)
PREDICT, TRANSFORM = task_named("predict"), task_named("transform")
LATE = 1e9


class Doubling:
    """Models that answer each row with its double, and fail at what is negative."""

    def __init__(self):
        self.calls = []

    async def ask(self, version, task, columns, deadline):
        self.calls.append((columns.rows, current()))
        if (columns["x"] < 0).any():
            raise ModelFailed("a poisonous row")
        return Prediction(columns["x"] * 2)


def rows(*values):
    return Columns.from_block(["x"], np.array(values, dtype=float).reshape(-1, 1))


def coalesced(spans, models):
    calls = TracedCalls(models, spans.tracing)
    inner = CoalescedModels(calls, clock=lambda: 0.0, limits=LIMITS, coalescer=TracedCoalescer)
    return TracedModels(inner, spans.tracing)


async def ask(spans, models, name, *values, task=PREDICT):
    """A request, sampled where it has a name."""
    if name is None:
        return await models.ask("double@1", task, rows(*values), LATE)
    with spans.tracing.span(name, SpanKind.SERVER, None, {}):
        return await models.ask("double@1", task, rows(*values), LATE)


def run(spans, models, requests):
    async def all_of_them():
        calls = [ask(spans, models, name, *values) for name, values in requests]
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_a_call_for_one_request_is_part_of_it():
    spans, models = Spans(), Doubling()
    (answer,) = run(spans, coalesced(spans, models), [("alone", (1.0, 2.0))])
    assert answer.values.tolist() == [2.0, 4.0]
    request, asked, call = map(spans.named, ("alone", "predict", "call"))
    assert asked.parent.span_id == request.context.span_id
    assert call.parent.span_id == asked.context.span_id
    assert {span.context.trace_id for span in spans.all()} == {request.context.trace_id}
    assert not call.links
    assert call.kind is SpanKind.CLIENT
    assert dict(call.attributes) == {
        "serve_app.version": "double@1",
        "serve_app.task": "predict",
        "serve_app.rows": 2,
        "serve_app.requests": 1,
    }
    assert models.calls[0][1].get_span_context() == call.context


def test_a_call_for_several_requests_is_linked_with_each_and_part_of_none():
    spans, models = Spans(), Doubling()
    requests = [("first", (1.0,)), ("second", (2.0,)), (None, (3.0,))]
    answers = run(spans, coalesced(spans, models), requests)
    assert [one.values.tolist() for one in answers] == [[2.0], [4.0], [6.0]]
    assert [rows for rows, _ in models.calls] == [3]
    call = spans.named("call")
    asked = [span for span in spans.all() if span.name == "predict"]
    assert len(asked) == 2
    assert call.parent is None
    assert [link.context for link in call.links] == [span.context for span in asked]
    assert call.attributes["serve_app.requests"] == 3
    assert call.context.trace_id not in {span.context.trace_id for span in asked}
    # And from there to the call.
    assert all([link.context for link in span.links] == [call.context] for span in asked)


def test_a_call_for_several_of_which_one_is_sampled_is_linked_as_well():
    spans = Spans()
    run(spans, coalesced(spans, Doubling()), [(None, (1.0,)), ("sampled", (2.0,))])
    call = spans.named("call")
    assert call.parent is None
    assert [link.context for link in call.links] == [spans.named("predict").context]


def test_requests_that_are_not_sampled_make_no_spans():
    spans, models = Spans(), Doubling()
    answers = run(spans, coalesced(spans, models), [(None, (1.0,)), (None, (2.0,))])
    assert [one.values.tolist() for one in answers] == [[2.0], [4.0]]
    assert not spans.all()
    assert models.calls[0][1] is None


def test_the_request_that_makes_a_call_fail_fails_alone():
    spans, models = Spans(), Doubling()
    fine, failed = run(spans, coalesced(spans, models), [("fine", (1.0,)), ("failing", (-1.0,))])
    assert fine.values.tolist() == [2.0]
    assert isinstance(failed, ModelFailed)
    codes = {
        span.name: (span.attributes or {}).get("error.type")
        for span in spans.all()
        if span.name in {"fine", "failing"}
    }
    assert codes == {"fine": None, "failing": "model_failed"}
    # Together, then each alone: as children of their requests.
    calls = [span for span in spans.all() if span.name == "call"]
    assert sorted(len(call.links) for call in calls) == [0, 0, 2]


def test_nothing_is_remembered_of_requests_that_are_answered():
    spans = Spans()
    inner = []

    class Watched(TracedCoalescer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            inner.append(self)

    calls = TracedCalls(Doubling(), spans.tracing)
    models = CoalescedModels(calls, clock=lambda: 0.0, limits=LIMITS, coalescer=Watched)
    run(spans, TracedModels(models, spans.tracing), [("a", (1.0,)), ("b", (-1.0,))])
    assert inner[0]._waiting == {}


def test_preprocessing_is_called_so():
    spans = Spans()
    models = TracedModels(Doubling(), spans.tracing)
    asyncio.run(ask(spans, models, "request", 1.0, task=TRANSFORM))
    assert spans.named("preprocess").attributes["serve_app.version"] == "double@1"


@pytest.mark.parametrize("raw", [[1.0], ["Secret"]])
def test_validation_has_a_span_without_what_was_validated(raw):
    spans = Spans()
    schema = schema_of(spans.tracing)([Column("x", "float64")], Policy())
    with suppress(InvalidInput), spans.tracing.span("request", SpanKind.SERVER, None, {}):
        schema.validate({"x": raw}, 1)
    span = spans.named("validate")
    assert span.parent.span_id == spans.named("request").context.span_id
    assert ("error.type" in span.attributes) == (raw == ["Secret"])
    assert "Secret" not in spans.text()
    schema.validate({"x": [1.0]}, 1)
    assert len(spans.all()) == 2


def test_what_runs_in_a_thread_stays_within_its_trace():
    spans = Spans()
    with ThreadPoolExecutor(1) as pool:
        offload = CarryingOffload(pool)

        async def both():
            outside = await offload.run(current)
            with spans.tracing.span("request", SpanKind.SERVER, None, {}) as span:
                return outside, await offload.run(current), span

        outside, inside, span = asyncio.run(both())
    assert outside is None
    assert inside is span


class Kept:
    def __init__(self):
        self.records = []

    def record(self, record):
        self.records.append(record)


def record(**more):
    payload = Payload({"x": ["Secret"]}, 1, keys={"order_id": "Secret"})
    return Record(Request("risk", payload, "Secret-id"), "risk", 4, 0.0, 0.1, **more)


def test_what_became_of_a_request_stands_in_its_span_without_values_and_keys():
    spans, kept = Spans(), Kept()
    answer = Answer(
        Prediction(np.array(["Secret"])), ("b@1",), (Failure("a@1", "not_ready"),), fallback=True
    )
    given = record(prediction_id="p-1", answer=answer, cached_rows=0)
    with spans.tracing.span("request", SpanKind.SERVER, None, {}):
        TracedRecords(kept).record(given)
        TracedRecords(kept).record(record(error=ModelFailed("Secret")))
    assert kept.records[0] is given
    span = spans.named("request")
    assert dict(span.attributes) == {
        "serve_app.endpoint": "risk",
        "serve_app.snapshot": 4,
        "serve_app.outcome": "fallback",
        "serve_app.rows": 1,
        "serve_app.prediction_id": "p-1",
        "serve_app.variants": ("b@1",),
        "serve_app.failed_variants": ("a@1",),
        "serve_app.cached_rows": 0,
        "error.type": "model_failed",
    }
    # A second prediction of the same request.
    assert [(event.name, event.attributes["serve_app.outcome"]) for event in span.events] == [
        ("prediction", "model_failed")
    ]
    assert "Secret" not in spans.text()


def test_a_record_without_a_trace_is_handed_on():
    kept = Kept()
    TracedRecords(kept).record(record())
    assert len(kept.records) == 1
