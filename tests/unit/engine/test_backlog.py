"""What waits in a gateway, told in blocks."""

import asyncio

import numpy as np
import pytest

from serve_app.core.batcher import Coalescer, Counters
from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.engine.backlog import Backlog


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_waiting_is_added_up_over_the_block():
    """Three requests: two leave after 0.2 s, one still waits after the block of a second."""
    clock, counters = Clock(), Counters()
    backlog = Backlog(lambda: {"m@1": counters}, clock=clock)
    clock.now = 1.0
    counters.requests, counters.waited_s = 2, 0.4
    counters.calls_s, counters.returned = 0.05, 1
    counters.waiting_s = 0.6
    told = backlog.block()["m@1"]
    assert told.requests == pytest.approx(1.0)  # one request second in a second
    assert told.wait_ms == pytest.approx(500)
    assert told.round_trip_ms == pytest.approx(50)
    assert told.calls == 1
    clock.now = 2.0
    counters.requests, counters.waited_s, counters.waiting_s = 3, 2.0, 0.0
    told = backlog.block()["m@1"]
    assert told.requests == pytest.approx(1.0)
    assert told.round_trip_ms == pytest.approx(50)  # of the calls before: none returned


def test_that_nothing_waits_any_more_is_told_once():
    clock, counters = Clock(), Counters()
    backlog = Backlog(lambda: {"m@1": counters}, clock=clock)
    clock.now = 1.0
    assert list(backlog.block()) == ["m@1"]
    assert list(backlog.block()) == []
    counters.requests, counters.returned = 1, 1
    assert list(backlog.block()) == ["m@1"]
    assert list(backlog.block()) == ["m@1"]
    assert list(backlog.block()) == []


def test_a_version_that_is_asked_anew_begins_anew():
    clock = Clock()
    counters = Counters(requests=100, waited_s=50.0, returned=100)
    backlog = Backlog(lambda: {"m@1": counters}, clock=clock)
    backlog.block()
    clock.now = 1.0
    counters = Counters(requests=1, waited_s=0.5, returned=1)
    assert backlog.block()["m@1"].requests == pytest.approx(0.5)


async def test_a_coalescer_counts_those_who_wait_behind_a_call():
    clock, gate = Clock(), asyncio.Event()

    async def call(columns, deadline):
        await gate.wait()
        return Prediction(columns["x"])

    coalescer = Coalescer(
        call, clock=clock, max_rows=10, max_calls=1, max_waiting_rows=100, slow_call_s=60.0
    )
    rows = Columns.from_block(["x"], np.zeros((1, 1)))
    backlog = Backlog(lambda: {"m@1": coalescer.counters}, clock=clock)
    first = asyncio.create_task(coalescer.submit(rows, 1e9))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(coalescer.submit(rows, 1e9)) for _ in range(4)]
    await asyncio.sleep(0)
    clock.now = 2.0
    assert backlog.block()["m@1"].requests == pytest.approx(4.0)
    gate.set()
    await asyncio.gather(first, *others)
    clock.now = 3.0
    told = backlog.block()["m@1"]
    assert told.requests == pytest.approx(0.0)
    assert told.calls == 2
