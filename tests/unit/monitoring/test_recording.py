"""What happened to requests is held until it is taken, and never without bound."""

import gc
import weakref

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.messages import Payload, Request
from serve_app.core.record import Record
from serve_app.core.record_settings import RecordSettings
from serve_app.errors import InvalidInput
from serve_app.monitoring.kept_record import kept
from serve_app.monitoring.recording import Recording


def record(rows=1, columns=2):
    given = {f"c{number}": [0.0] * rows for number in range(columns)}
    return Record(Request("risk", Payload(given, rows), "r"), "risk", 1, 0.0, 0.001)


def test_what_is_taken_is_held_no_longer():
    recording = Recording()
    first, second = record(), record(rows=2)
    recording.record(first)
    recording.record(second)
    assert recording.take() == [kept(first), kept(second)]
    assert recording.take() == []
    assert recording.dropped_rows == 0


def test_more_records_than_may_be_held_are_counted():
    recording = Recording(most_records=2)
    for _ in range(5):
        recording.record(record(rows=3))
    assert len(recording.take()) == 2
    assert recording.dropped_rows == 9


def test_large_requests_count_by_their_cells():
    recording = Recording(most_cells=1000)
    recording.record(record(rows=100, columns=5))
    recording.record(record(rows=100, columns=5))
    recording.record(record(rows=1, columns=5))
    assert [one.rows for one in recording.take()] == [100, 1]
    assert recording.dropped_rows == 100


def test_a_tensor_counts_by_its_numbers():
    recording = Recording(most_cells=1000)
    image = Columns.of({"image": np.zeros((1, 30, 30))})
    recording.record(record()._replace(columns=image))
    recording.record(record()._replace(columns=image))
    assert len(recording.take()) == 1
    assert recording.dropped_rows == 1


def test_room_comes_back_with_what_is_taken():
    recording = Recording(most_records=1, most_cells=10)
    for _ in range(100):
        recording.record(record())
        assert len(recording.take()) == 1
    assert recording.dropped_rows == 0


def test_nothing_is_held_while_nobody_would_take_it():
    recording = Recording()
    recording.is_on = False
    recording.record(record())
    assert recording.take() == []
    assert recording.dropped_rows == 0


def test_settings_are_those_that_stood_when_the_request_was_answered():
    recording = Recording()
    one = record()
    asked = one.request._replace(payload=Payload({"a": [0.0]}, 1, {"order": 7, "user": "u"}))
    one = one._replace(request=asked)
    for endpoint, key in (("risk", "order"), ("risk", "user"), ("risk", None), ("other", "user")):
        recording.follow({endpoint: RecordSettings(key=key)})
        recording.record(one)
    assert [each.values for each in recording.take()] == [{"order": [7]}, {"user": ["u"]}, {}, {}]


class Cells(list):
    """Values of a column that can be watched."""


def test_nothing_of_a_request_is_held_but_its_id_and_its_key():
    recording = Recording()
    recording.follow({"risk": RecordSettings(key="order")})
    cells = Cells([1.0])
    freed = weakref.ref(cells)
    payload = Payload({"a": cells, "order": [5]}, 1)
    try:
        raise InvalidInput(f"{cells} is refused")
    except InvalidInput as error:
        # Its traceback leads to all that stood where it was raised.
        refused = Record(Request("risk", payload, "r"), "risk", 1, 0.0, 0.1, error=error)
    recording.record(refused)
    del cells, payload, refused
    gc.collect()
    assert freed() is None
    (one,) = recording.take()
    assert (one.request_id, one.values, one.outcome) == ("r", {"order": [5]}, "invalid_input")
