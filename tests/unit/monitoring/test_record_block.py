"""Records of one form become columns, in which every row is that of its request."""

import numpy as np
import pytest

from serve_app.core.caller import Caller, pseudonym
from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.plan import Plan
from serve_app.core.record import Record, Shadowed
from serve_app.core.record_settings import RecordSettings
from serve_app.errors import Unavailable
from serve_app.monitoring.kept_record import kept
from serve_app.monitoring.record_block import blocks_of

ORDERS = {"risk": RecordSettings(key="order", segments={"order": ()})}


def record(number, rows=1, **fields):
    """A request whose numbers can be told from those of all others."""
    start = 100.0 * number + np.arange(rows)
    values = start + 0.5
    given = {
        "prediction_id": f"p{number}",
        "plan": Plan((f"m@{number}",)),
        "columns": Columns.from_block(("a", "b"), np.column_stack([start, -start])),
        "answer": Answer(Prediction(values, np.column_stack([values, -values])), (f"m@{number}",)),
        "cached_rows": number,
        **fields,
    }
    payload = Payload({"order": [f"o{number}-{row}" for row in range(rows)]}, rows)
    request = Request("risk", payload, f"r{number}")
    return Record(request, "risk", number, float(number), number / 8, **given)


def test_a_block_has_one_value_for_each_request_and_each_row():
    (block,) = blocks_of([record(1, 2), record(2)], ORDERS)
    assert (block.endpoint, block.requests, block.rows) == ("risk", 2, 3)
    assert list(block.request_ids) == ["r1", "r2"]
    assert list(block.prediction_ids) == ["p1", "p2"]
    assert list(block.snapshots) == list(block.cached_rows) == [1, 2]
    assert block.started_s.tolist() == [1.0, 2.0]
    assert block.took_s.tolist() == [0.125, 0.25]
    assert list(block.plans) == [Plan(("m@1",)), Plan(("m@2",))]
    assert list(block.variants) == [("m@1",), ("m@2",)]
    assert list(block.outcomes) == ["answered"] * 2
    assert block.row_counts.tolist() == [2, 1]
    assert list(block.keys) == ["o1-0", "o1-1", "o2-0"]
    assert block.segments[1] == '{"order": "o1-1"}'
    assert block.columns["a"].tolist() == [100.0, 101.0, 200.0]
    assert block.columns["b"].tolist() == [-100.0, -101.0, -200.0]
    assert block.prediction.values.tolist() == [100.5, 101.5, 200.5]
    assert block.prediction.probabilities[:, 1].tolist() == [-100.5, -101.5, -200.5]


@pytest.mark.parametrize(
    "other",
    [
        record(2, columns=Columns.from_block(("a", "c"), np.zeros((1, 2)))),
        record(2, columns=Columns.from_block(("a", "b"), np.zeros((1, 2), np.float32))),
        record(2, columns=Columns.of({"a": np.zeros(1), "b": np.zeros(1, np.int64)})),
        record(2, columns=None, answer=None),
        record(2, answer=None),
        record(2, answer=Answer(Prediction(np.zeros(1)), ("m@1",))),
        record(2, answer=Answer(Prediction(np.zeros((1, 2))), ("m@1",))),
        record(2, answer=Answer(Prediction(np.array(["yes"])), ("m@1",))),
        record(2, shadows=(Shadowed("s@1", "answered", 1.0, 0.1, Prediction(np.zeros(1))),)),
        record(2, shadows=(Shadowed("s@1", "timed_out"),)),
        record(2)._replace(endpoint="other"),
    ],
)
def test_other_forms_have_blocks_of_their_own(other):
    blocks = list(blocks_of([record(1), other, record(3)]))
    assert [block.requests for block in blocks] == [2, 1]
    assert list(blocks[0].request_ids) == ["r1", "r3"]


def test_requests_that_failed_name_who_was_asked():
    asked = record(1, columns=None, answer=None, error=Unavailable("nobody is there"))
    nobody = asked._replace(plan=None)
    (block,) = blocks_of([asked, nobody])
    assert list(block.variants) == [("m@1",), ()]
    assert list(block.outcomes) == ["unavailable"] * 2
    assert block.columns is None
    assert block.prediction is None


def test_requests_without_rows_are_in_no_block():
    assert list(blocks_of([record(1, 0)])) == []


def test_what_is_kept_has_its_keys_already_and_blocks_pass():
    (block,) = blocks_of([kept(record(1), ORDERS["risk"])], {})
    assert list(block.keys) == ["o1-0"]
    assert list(blocks_of([block])) == [block]


def test_some_requests_of_a_block_keep_their_rows():
    shadows = [
        (Shadowed("s@1", "answered", 0.5, number / 8, Prediction(np.full(rows, number))),)
        for number, rows in ((0, 2), (1, 1), (2, 3))
    ]
    made = [record(n, rows, shadows=shadows[n]) for n, rows in enumerate((2, 1, 3))]
    (block,) = blocks_of(made, ORDERS)
    part = block.where(np.array([True, False, True]))
    (expected,) = blocks_of([made[0], made[2]], ORDERS)
    for name in block.__slots__:
        given, wanted = getattr(part, name), getattr(expected, name)
        if name in {"columns", "endpoint"} or wanted is None:
            assert given == wanted, name
        elif name == "prediction":
            np.testing.assert_array_equal(given.values, wanted.values)
            np.testing.assert_array_equal(given.probabilities, wanted.probabilities)
        elif name in {"segments", "callers"}:
            assert given == wanted
        elif name == "shadows":
            assert [(one.version, one.took_s.tolist()) for one in given] == [("s@1", [0.0, 0.25])]
            assert list(given[0].outcomes) == ["answered"] * 2
            assert given[0].prediction.values.tolist() == [0, 0, 2, 2, 2]
        else:
            assert list(given) == list(wanted), name
    assert block.where(np.full(3, fill_value=True)) is block


def test_callers_are_pseudonyms_where_they_are_wanted():
    known, stranger = record(1), record(2)
    known = known._replace(request=known.request._replace(caller=Caller("ada")))
    wanted = {"risk": RecordSettings(callers="identity", caller_salt="salt")}
    (block,) = blocks_of([known, stranger], wanted)
    assert block.callers == [pseudonym("ada", "salt"), None]
    by_key = {"risk": RecordSettings(callers="credential", caller_salt="salt")}
    keyed = [
        one._replace(request=one.request._replace(headers={"x-api-key": "k"}))
        for one in (stranger, known)
    ]
    by_name = [pseudonym(name, "salt") for name in ("k", "ada")]
    assert next(blocks_of(keyed, by_key)).callers == by_name
    assert next(blocks_of(keyed)).callers is None
