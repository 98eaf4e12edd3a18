"""Windows are kept with what belongs to them, all or none, on either database."""

import numpy as np
import pytest

from serve_app.errors import RegistryFailed
from serve_app.monitoring.window import Key, Series, Window, packed
from serve_app.storage.monitor_state import MonitorState
from serve_app.storage.tables import windows
from serve_app.storage.turn import Turn
from serve_app.storage.windows import WindowStore

SERIES = Series("diagnosis", "m@1", "d" * 64)


def window(start_s, *numbers, length_s=60, series=SERIES):
    return Window(Key(series, start_s, length_s), packed(np.array(numbers, dtype=np.int64)))


def contents(store):
    saved, body = store.load()
    return {one.key: one.vector.tolist() for one in saved}, body


def test_what_was_saved_is_loaded(state):
    store = WindowStore(state)
    assert contents(store) == ({}, None)
    first, second = window(0, 1, 2), window(60, 3, 4)
    store.save([first, second], [], {"sequences": {"g": [1, []]}})
    assert contents(WindowStore(state)) == (
        {first.key: [1, 2], second.key: [3, 4]},
        {"sequences": {"g": [1, []]}},
    )


def test_windows_are_replaced_and_let_go(state):
    store = WindowStore(state)
    first, second = window(0, 1, 2), window(60, 3, 4)
    store.save([first, second], [], {"n": 1})
    store.save([window(60, 5, 6)], [first.key], {"n": 2})
    assert contents(store) == ({second.key: [5, 6]}, {"n": 2})


def test_windows_of_an_endpoint_are_read_in_their_order(state):
    store = WindowStore(state)
    other = Series("other", "m@1", "d" * 64)
    store.save(
        [window(120, 3), window(0, 1), window(60, 2), window(60, 9, series=other),
         window(0, 6, length_s=300)],
        [], {},
    )  # fmt: skip
    assert [one.vector.tolist() for one in store.endpoint("diagnosis", 60, 0, 120)] == [[1], [2]]


def test_a_window_that_is_damaged_is_said(state):
    store = WindowStore(state)
    store.save([window(0, 1)], [], {})
    store._rows._database.write(lambda c: c.execute(windows.update().values(content=b"x")))
    with pytest.raises(RegistryFailed, match="cannot be read"):
        store.load()


def test_what_else_is_known_is_kept_by_name(state):
    kept = MonitorState(state)
    assert kept.load("alarms") is None
    kept.save("alarms", [1])
    kept.save("alarms", [2])
    kept.save("other", {"a": None})
    assert MonitorState(state).load("alarms") == [2]
    assert kept.load("other") == {"a": None}


def test_what_stands_for_good_is_the_first_that_anybody_said(state):
    first, second = MonitorState(state), MonitorState(state)
    # The second one has looked already, and comes to write when the first has written.
    assert first.first("secret", "a") == "a"
    assert second.first("secret", "b") == "a"
    assert second._rows.keep_first("secret", '"c"') == '"a"'
    assert MonitorState(state).load("secret") == "a"


def test_the_process_that_began_last_has_the_turn(state):
    first, last = (Turn(state, name, steady=lambda: 0.0, settle_s=30.0) for name in "ab")
    assert not first.is_over()
    first.begin()
    assert first.is_settled
    store = WindowStore(state)
    assert store.save([window(0, 1)], [], {"n": 1}, "a")
    last.begin()
    assert not last.is_settled
    assert first.is_over()
    assert not last.is_over()
    assert not store.save([window(0, 2)], [], {"n": 2}, "a")
    assert contents(store) == ({window(0, 1).key: [1]}, {"n": 1})
    assert store.save([window(0, 3)], [], {"n": 3}, "b")
    assert contents(store) == ({window(0, 1).key: [3]}, {"n": 3})


def test_a_process_whose_database_is_a_new_one_has_the_turn(state):
    store = WindowStore(state)
    assert store.save([window(0, 1)], [], {}, "a")
    assert not store.save([window(0, 1)], [], {}, "b")
