"""What travels cannot change, and stays the same when it is sent."""

import copy
import dataclasses
import pickle

import cloudpickle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import (
    MISSING,
    Answer,
    Failure,
    Payload,
    Prediction,
    Request,
    Response,
    Warned,
)
from serve_app.core.plan import Plan

SENT = [
    lambda value: pickle.loads(pickle.dumps(value)),
    lambda value: pickle.loads(pickle.dumps(value, protocol=2)),
    lambda value: cloudpickle.loads(cloudpickle.dumps(value)),
    copy.copy,
    copy.deepcopy,
]
BY = pytest.mark.parametrize("sent", SENT, ids=["pickle", "old", "cloudpickle", "copy", "deep"])

PAYLOAD = Payload({"x": [1.0, MISSING], "t": [None, "a"]}, 2, {"user": 7}, "c-1", ("risk",))
REQUEST = Request("e", PAYLOAD, "r-1", "a@1", {"x-user": "7"}, 0.5)
TRAVELLERS = [
    PAYLOAD,
    REQUEST,
    Failure("b@1", "model_failed"),
    Warned(1, "age", "range", "200", "at most 120"),
    Plan(("a@1", "b@1"), together=True),
]


def prediction(rows=4, probabilities=True):
    block = np.linspace(0, 1, rows * 2).reshape(rows, 2) if probabilities else None
    return Prediction(np.arange(rows), block)


def response():
    answer = Answer(prediction(), ("a@1",), (Failure("b@1", "overloaded"),), fallback=True)
    return Response(REQUEST, "p-1", 3, answer, ("no", "yes"), (TRAVELLERS[3],))


@BY
def test_a_cell_that_is_missing_is_the_same_missing_everywhere(sent):
    assert sent(MISSING) is MISSING
    assert sent([MISSING, None])[0] is MISSING
    assert sent({"x": (MISSING,)})["x"][0] is MISSING


def test_missing_is_neither_null_nor_anything_else_and_says_its_name():
    assert MISSING is not None
    assert MISSING != None  # noqa: E711 - that it compares unequal too is the point
    assert repr(MISSING) == "MISSING"


@BY
@pytest.mark.parametrize("value", TRAVELLERS, ids=lambda value: type(value).__name__)
def test_what_is_sent_arrives_as_it_was(sent, value):
    assert sent(value) == value


@BY
def test_a_response_arrives_with_its_arrays_to_the_last_bit(sent):
    before, after = response(), sent(response())
    assert after.request == before.request
    assert dataclasses.replace(after.answer, prediction=None) == dataclasses.replace(
        before.answer, prediction=None
    )
    for name in ("values", "probabilities"):
        one, other = (getattr(each.answer.prediction, name) for each in (before, after))
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
    assert (after.prediction_id, after.snapshot_version) == ("p-1", 3)
    assert (after.labels, after.warnings) == (before.labels, before.warnings)


@pytest.mark.parametrize(
    "value", [*TRAVELLERS, prediction(), response()], ids=lambda value: type(value).__name__
)
def test_what_travels_cannot_be_changed(value):
    names = (
        [field.name for field in dataclasses.fields(value)]
        if dataclasses.is_dataclass(value)
        else value._fields
    )
    for name in names:
        # A frozen dataclass raises a kind of AttributeError, a named tuple that itself.
        with pytest.raises(AttributeError):
            setattr(value, name, None)


def test_a_request_that_says_no_more_than_it_must_asks_for_nothing_special():
    bare = Request("e", Payload({"x": [1.0]}, 1), "r")
    assert (bare.version, bare.headers, bare.timeout_s) == (None, {}, None)
    assert (bare.payload.keys, bare.payload.id, bare.payload.form) == ({}, None, None)


def test_requests_do_not_share_what_they_did_not_say():
    one, other = (Request("e", Payload({}, 0), "r") for _ in range(2))
    assert one.payload.keys is not other.payload.keys


@given(st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_a_cut_of_a_prediction_holds_the_same_rows_of_both(start, stop, probabilities):
    whole = prediction(12, probabilities)
    cut = whole.slice(start, stop)
    assert cut.values.tolist() == whole.values.tolist()[start:stop]
    if probabilities:
        assert cut.probabilities.tolist() == whole.probabilities.tolist()[start:stop]
    else:
        assert cut.probabilities is None


def test_predictions_of_several_outputs_are_cut_by_row():
    cut = Prediction(np.arange(6).reshape(3, 2)).slice(1, 3)
    assert cut.values.tolist() == [[2, 3], [4, 5]]


@given(st.integers(0, 12), st.data())
def test_a_cut_of_a_cut_is_a_cut(rows, data):
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    inner = data.draw(st.integers(0, stop - start))
    whole = prediction(rows)
    twice = whole.slice(start, stop).slice(inner, stop - start)
    once = whole.slice(start + inner, stop)
    assert twice.values.tolist() == once.values.tolist()
    assert twice.probabilities.tolist() == once.probabilities.tolist()
