"""Short work waits for one piece of long work at most, and long work has its turn."""

import threading
import time
from concurrent.futures import CancelledError

import pytest

from serve_app.core.lanes import FEW_ROWS, Lanes

DEADLINE_S = 10


@pytest.fixture
def lanes():
    with Lanes("tests") as made:
        yield made


class Busy:
    """Keeps the thread until it is let go, so that all that is added waits."""

    def __init__(self, lanes):
        self._free, running = threading.Event(), threading.Event()
        lanes.long.submit(lambda: (running.set(), self._free.wait(DEADLINE_S)))
        assert running.wait(DEADLINE_S)

    def end(self):
        self._free.set()


def test_short_and_long_work_take_turns_in_the_order_of_each(lanes):
    busy, done = Busy(lanes), []
    added = [lanes.long.submit(done.append, f"long {n}") for n in range(3)]
    added += [lanes.short.submit(done.append, f"short {n}") for n in range(2)]
    busy.end()
    for one in added:
        one.result(DEADLINE_S)
    assert done == ["short 0", "long 0", "short 1", "long 1", "long 2"]


def test_work_gives_its_result_or_raises_its_error(lanes):
    assert lanes.short.submit(divmod, 7, 2).result(DEADLINE_S) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        lanes.long.submit(divmod, 7, 0).result(DEADLINE_S)
    assert lanes.long.submit(int, "11", base=2).result(DEADLINE_S) == 3


def test_work_that_is_given_up_is_never_done(lanes):
    busy, done = Busy(lanes), []
    given_up = lanes.short.submit(done.append, 1)
    assert given_up.cancel()
    last = lanes.short.submit(done.append, 2)
    busy.end()
    last.result(DEADLINE_S)
    assert done == [2]


def test_few_rows_are_short_work(lanes):
    assert lanes.of(1) is lanes.of(FEW_ROWS) is lanes.short
    assert lanes.of(FEW_ROWS + 1) is lanes.long


def test_after_the_end_nothing_is_taken():
    lanes = Lanes("tests")
    lanes.shutdown()
    with pytest.raises(RuntimeError):
        lanes.short.submit(int)


def test_what_waits_is_given_up_where_nobody_waits_for_the_end():
    lanes = Lanes("tests")
    busy = Busy(lanes)
    waiting = lanes.short.submit(int)
    lanes.shutdown(wait=False)
    with pytest.raises(CancelledError):
        waiting.result(DEADLINE_S)
    busy.end()


def test_one_thread_computes_at_a_time(lanes):
    names, running, most = set(), [0], [0]

    def work():
        running[0] += 1
        most[0] = max(most[0], running[0])
        names.add(threading.current_thread().name)
        time.sleep(0)
        running[0] -= 1

    added = [lane.submit(work) for lane in (lanes.short, lanes.long) for _ in range(20)]
    for one in added:
        one.result(DEADLINE_S)
    assert (len(names), most) == (1, [1])
