"""Events of what was done are kept whatever becomes of who did it."""

import asyncio
import threading

import pytest

from serve_app.core.events import Event
from serve_app.errors import RegistryFailed
from serve_app.serving.event_keeping import EventKeeping

EVENTS = [Event(float(at), "ada", "weights set", f"endpoint-{at}") for at in range(3)]


def test_all_events_are_kept_though_the_caller_is_cancelled():
    kept, may_go_on = [], threading.Event()

    def append(event):
        assert may_go_on.wait(10)
        kept.append(event)

    async def run():
        keeping = EventKeeping(append)
        caller = asyncio.create_task(keeping.keep(*EVENTS, None))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        may_go_on.set()
        await keeping.close()

    asyncio.run(run())
    assert kept == EVENTS


def test_one_that_cannot_be_kept_is_in_the_log_and_holds_up_no_other(caplog):
    kept = []

    def append(event):
        if event is EVENTS[0]:
            raise RegistryFailed("the disk is full")
        kept.append(event)

    asyncio.run(EventKeeping(append).keep(*EVENTS))
    assert kept == EVENTS[1:]
    (record,) = caplog.records
    assert "endpoint-0" in record.event
