"""What happened to requests is counted by endpoint, outcome, variant and time."""

import asyncio

import numpy as np
import pytest

from serve_app.core.messages import Answer, Failure, Payload, Prediction, Request
from serve_app.core.record import Record
from serve_app.errors import InvalidInput, ServeError
from serve_app.gateway.errors import STATUS, nearest
from serve_app.monitoring.counting import Counting, outages

REQUEST = Request("risk", Payload({"x": [1.0, 2.0]}, 2), "r-1")
PREDICTION = Prediction(np.array([0.0, 1.0]))


def record(took_s=0.004, answer=None, error=None, endpoint="risk"):
    return Record(REQUEST, endpoint, 3, 0.0, took_s, answer=answer, error=error)


def values(counting):
    return {(one.metric.name, *one.labels): one.value for one in counting.samples()}


def test_outcomes_rows_and_times_are_counted():
    counting = Counting()
    counting.record(record(0.004, Answer(PREDICTION, ("a@1",))))
    counting.record(record(0.040, Answer(PREDICTION, ("b@1",), fallback=True)))
    counting.record(record(0.001, error=InvalidInput("no")))
    counting.record(record(9.0, error=ZeroDivisionError()))
    counting.record(record(0.5, error=asyncio.CancelledError()))
    found = values(counting)
    assert found["serve_app_requests", "risk", "answered"] == 1
    assert found["serve_app_requests", "risk", "fallback"] == 1
    assert found["serve_app_requests", "risk", InvalidInput.code] == 1
    assert found["serve_app_requests", "risk", "internal"] == 1
    assert found["serve_app_requests", "risk", "cancelled"] == 1
    assert found["serve_app_rows", "risk"] == 4
    assert found["serve_app_request_seconds_count", "risk"] == 5
    assert found["serve_app_request_seconds_sum", "risk"] == pytest.approx(9.545)
    assert found["serve_app_request_seconds_bucket", "risk", "0.001"] == 1
    assert found["serve_app_request_seconds_bucket", "risk", "0.005"] == 2
    assert found["serve_app_request_seconds_bucket", "risk", "2.5"] == 4
    assert found["serve_app_request_seconds_bucket", "risk", "+Inf"] == 5
    assert found["serve_app_variant_seconds_count", "risk", "a@1"] == 1


def test_variants_that_could_not_answer_are_counted_by_the_reason():
    counting = Counting()
    left_out = (Failure("a@1", "not_ready"),)
    counting.record(record(answer=Answer(PREDICTION, ("b@1",), left_out)))
    assert values(counting)["serve_app_variant_failures", "risk", "a@1", "not_ready"] == 1


def test_an_ensemble_counts_for_each_of_its_members():
    counting = Counting()
    counting.record(record(answer=Answer(PREDICTION, ("a@1", "b@1"))))
    found = values(counting)
    assert found["serve_app_variant_seconds_count", "risk", "a@1"] == 1
    assert found["serve_app_variant_seconds_count", "risk", "b@1"] == 1


def test_endpoints_that_are_gone_are_forgotten():
    counting = Counting()
    counting.record(record(answer=Answer(PREDICTION, ("a@1",))))
    counting.record(record(answer=Answer(PREDICTION, ("a@1",)), endpoint="gone"))
    counting.keep({"risk"})
    assert counting.counts("risk").answered == 1
    assert counting.counts("gone").answered == 0
    assert not any("gone" in key for key in values(counting))


def test_answers_are_counted_by_protocol_and_status():
    counting = Counting()
    for status in ("2xx", "2xx", "5xx"):
        counting.add_response("http", status)
    counting.add_response("grpc", "OK")
    found = values(counting)
    assert found["serve_app_responses", "http", "2xx"] == 2
    assert found["serve_app_responses", "http", "5xx"] == 1
    assert found["serve_app_responses", "grpc", "OK"] == 1


def test_outcomes_of_an_endpoint_stand_at_zero_before_the_first_request():
    counting = Counting()
    counting.keep({"risk"})
    counts = values(counting)
    for outcome in ("answered", "internal", "model_failed", "deadline_exceeded"):
        assert counts["serve_app_requests", "risk", outcome] == 0
    assert counts["serve_app_request_seconds_bucket", "risk", "0.1"] == 0
    assert counts["serve_app_request_seconds_count", "risk"] == 0


def test_outages_are_the_errors_whose_status_says_so():
    def kinds(kind):
        return [kind, *(inner for sub in kind.__subclasses__() for inner in kinds(sub))]

    ours = [kind for kind in kinds(ServeError) if kind.__module__ == "serve_app.errors"]
    assert outages() == {kind.code for kind in ours if nearest(STATUS, kind("")) >= 500}


def test_what_all_gateways_add_up_is_counted_by_outcome_version_and_time():
    counting = Counting()
    counting.record(record(0.004, Answer(PREDICTION, ("a@1",))))
    counting.record(record(0.004, Answer(PREDICTION, ("b@1",), fallback=True)))
    counting.record(record(0.001, error=InvalidInput("no")))
    tally = counting.tallies()["risk"]
    assert tally.outcomes == {"answered": 1, "fallback": 1, InvalidInput.code: 1}
    assert {name: sum(bins) for name, bins in tally.versions.items()} == {"a@1": 1, "b@1": 1}
    assert tally.requests == sum(tally.bins) == 3
