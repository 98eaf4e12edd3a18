"""What is kept of a record: everything but the request and the error."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.plan import Plan
from serve_app.core.record import Record, Shadowed
from serve_app.core.record_settings import RecordSettings
from serve_app.errors import Unavailable
from serve_app.monitoring.kept_record import KeptRecord, kept

ORDERS = RecordSettings(key="order")


def record(payload, **fields):
    given = {"endpoint": "risk", "snapshot": 3, "started_s": 5.0, "took_s": 0.25, **fields}
    return Record(Request("risk", payload, "r"), **given)


def test_every_field_is_where_it_belongs():
    plan, columns = Plan(("m@1",)), Columns.from_block(("a",), np.array([[1.0], [2.0]]))
    answer = Answer(Prediction(np.array([0.5, 1.5])), ("m@1",))
    shadow = Shadowed("s@1", "answered", 0.5, 0.01, Prediction(np.array([0.0, 0.0])))
    whole = record(
        Payload({"a": [1, 2], "order": ["x", "y"]}, 2),
        prediction_id="p",
        plan=plan,
        columns=columns,
        answer=answer,
        cached_rows=1,
        shadows=(shadow,),
    )
    assert kept(whole, ORDERS) == KeptRecord(
        endpoint="risk",
        rows=2,
        request_id="r",
        snapshot=3,
        started_s=5.0,
        took_s=0.25,
        prediction_id="p",
        plan=plan,
        columns=columns,
        answer=answer,
        cached_rows=1,
        outcome="answered",
        shadows=(shadow,),
        settings=ORDERS,
        values={"order": ["x", "y"]},
    )


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"answer": Answer(Prediction(np.zeros(1)), ("m@1",), fallback=True)}, "fallback"),
        ({"answer": Answer(Prediction(np.zeros(1)), ("m@1",))}, "answered"),
        ({"error": Unavailable("nobody is there")}, "unavailable"),
        ({"error": ZeroDivisionError()}, "internal"),
        ({"error": KeyboardInterrupt()}, "cancelled"),
    ],
)
def test_the_outcome_is_in_words(fields, outcome):
    assert kept(record(Payload({"a": [1]}, 1), **fields)).outcome == outcome


def test_a_value_beside_the_rows_goes_before_one_in_them():
    payload = Payload({"order": ["in", "in"]}, 2, {"order": "beside"})
    assert kept(record(payload), ORDERS).values == {"order": ["beside", "beside"]}


def test_values_are_those_of_the_key_and_of_segments():
    payload = Payload({"plan": ["a", "b"], "order": [1, 2], "else": [0, 0]}, 2)
    settings = RecordSettings(key="order", segments={"plan": ("a",), "country": ()})
    assert kept(record(payload), settings).values == {"order": [1, 2], "plan": ["a", "b"]}


def test_rows_without_such_a_value_have_none():
    assert kept(record(Payload({"a": [1, 2]}, 2)), ORDERS).values == {}
    torn = Payload({"a": [1, 2], "order": ["x"]}, 2)
    assert kept(record(torn), ORDERS).values == {}
    assert kept(record(Payload({"order": [1, 2]}, 2))).values == {}


@pytest.mark.parametrize("name", ["order", "header:x-order"])
def test_a_key_may_be_in_a_header_as_that_of_a_route_may(name):
    given = record(Payload({"a": [1, 2]}, 2))
    sent = given._replace(request=given.request._replace(headers={"x-order": "7"}))
    assert kept(sent, RecordSettings(key=name)).values == {name: ["7", "7"]}
    segments = RecordSettings(segments={"order": ("7",)})
    assert kept(sent, segments).values == {}
