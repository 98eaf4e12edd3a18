"""Recorded rows with their features, so many of a stretch of time at most."""

import numpy as np
import pytest

from serve_app.core.caller import Caller, pseudonym
from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.record_settings import RecordSettings
from serve_app.errors import InvalidInput
from serve_app.storage.recorded_rows import joined, recorded_rows
from serve_app.storage.records.deliveries import Incoming, encode
from serve_app.storage.records.reader import Query
from serve_app.storage.records.rows import tables_of
from tests.unit.storage.records.conftest import NOON_S, files, record  # noqa: F401

WANTED = Query("diagnosis", NOON_S, NOON_S + 3_600)


def kept(files, records, **settings):  # noqa: F811
    of = {"diagnosis": RecordSettings(**settings)}
    tables = tables_of(records, wall_minus_clock_s=0.0, settings=of)
    Incoming(files).take("g", 1, encode(tables))


def test_rows_come_with_what_they_are_known_by(files):  # noqa: F811
    kept(files, [record(number) for number in range(5)])
    rows = recorded_rows(files, WANTED, most=10, sample=1.0)
    assert len(rows) == 5
    assert rows.columns["age"].tolist() == [20.0, 21.0, 22.0, 23.0, 24.0]
    assert rows.at_s.tolist() == [NOON_S + number for number in range(5)]
    assert rows.rows == (0,) * 5
    assert rows.variants == (("m@1",),) * 5
    assert rows.probabilities.tolist() == [[0.25, 0.75]] * 5
    assert rows.callers is None
    some = rows.take(np.array([1, 3]))
    assert some.columns["age"].tolist() == [21.0, 23.0]
    assert some.prediction_ids == (rows.prediction_ids[1], rows.prediction_ids[3])


def test_at_most_so_many_rows_are_read(files):  # noqa: F811
    kept(files, [record(number) for number in range(50)])
    assert len(recorded_rows(files, WANTED, most=7, sample=1.0)) == 7
    assert (
        recorded_rows(files, Query("diagnosis", NOON_S + 60, NOON_S + 99), most=7, sample=1) is None
    )
    assert recorded_rows(files, WANTED, most=7, sample=0.0) is None


def test_rows_without_an_answer_or_features_are_left_out(files):  # noqa: F811
    failed = record(1, answer=None, error=InvalidInput("no"))
    kept(files, [record(0), failed], redact=frozenset({"dose"}))
    rows = recorded_rows(files, WANTED, most=7, sample=1.0)
    assert (len(rows), rows.columns.names) == (1, ("age",))


def test_a_sample_is_found_among_the_rest(files):  # noqa: F811
    kept(files, [record(number) for number in range(400)], sample=0.1)
    assert 10 < len(recorded_rows(files, WANTED, most=100, sample=0.1)) < 100


def test_numbers_have_no_probabilities(files):  # noqa: F811
    answer = Answer(Prediction(np.array([1.5])), ("m@1",))
    kept(files, [record(0, answer=answer)])
    assert recorded_rows(files, WANTED, most=7, sample=1.0).probabilities is None


@pytest.mark.parametrize(
    ("by", "caller", "headers", "expected"),
    [
        ("identity", Caller("ann"), {"x-api-key": "k"}, pseudonym("ann", "salt")),
        ("identity", None, {"x-api-key": "k", "x-user": "ann"}, None),
        ("credential", None, {"x-api-key": "k"}, pseudonym("k", "salt")),
        ("credential", Caller("ann"), {}, pseudonym("ann", "salt")),
        ("credential", None, {"x-forwarded-for": "1.2.3.4"}, None),
    ],
)
def test_who_asked_is_a_hash(files, by, caller, headers, expected):  # noqa: F811
    given = {} if caller is None else {"caller": caller}
    request = Request("diagnosis", Payload({"age": [1.0]}, 1), "r", headers=headers, **given)
    kept(files, [record(0, request=request)], callers=by, caller_salt="salt")
    assert recorded_rows(files, WANTED, most=7, sample=1.0).callers == (expected,)


def test_joined_rows_lack_what_a_part_does_not_have():
    first = Columns.of({"age": np.array([1.0, 2.0]), "city": np.array(["x", "y"], dtype=object)})
    second = Columns.of({"age": np.array([3])})
    both = joined([first, second])
    assert both["age"].tolist() == [1.0, 2.0, 3]
    assert both["city"].tolist() == ["x", "y", None]
    assert joined([]).rows == 0
