"""What takes long, beside all else: one at a time, in order, and not without end."""

import asyncio
import threading

import pytest

from serve_app.core.aside import Aside
from serve_app.errors import Overloaded


def test_the_event_loop_goes_on_and_calls_run_one_after_the_other():
    free, order = threading.Event(), []

    def slow(name):
        assert free.wait(10)
        order.append(name)
        return name

    async def asked():
        aside = Aside("explanation")
        calls = [asyncio.ensure_future(aside.run(slow, name)) for name in "abc"]
        await asyncio.sleep(0)
        assert not any(call.done() for call in calls)
        free.set()
        return await asyncio.gather(*calls)

    assert asyncio.run(asked()) == ["a", "b", "c"]
    assert order == ["a", "b", "c"]


def test_more_than_so_many_are_refused_until_some_are_done():
    free = threading.Event()

    async def asked():
        aside = Aside("explanation", most_calls=2)
        calls = [asyncio.ensure_future(aside.run(free.wait, 10)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="try again") as refused:
            await aside.run(free.wait, 10)
        assert refused.value.details["retry_after_s"] > 0
        free.set()
        await asyncio.gather(*calls)
        while True:
            try:
                return await aside.run(int, "7")
            except Overloaded:
                await asyncio.sleep(0)

    assert asyncio.run(asyncio.wait_for(asked(), 10)) == 7


def test_what_nobody_waits_for_any_more_never_begins():
    free, begun = threading.Event(), []

    async def asked():
        aside = Aside("explanation")
        first = asyncio.ensure_future(aside.run(free.wait, 10))
        given_up = asyncio.ensure_future(aside.run(begun.append, 1))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        # In its next turn the event loop takes the call out of the thread's queue.
        await asyncio.sleep(0)
        free.set()
        await first
        await aside.run(int, "1")

    asyncio.run(asked())
    assert begun == []


def test_an_error_comes_out_as_it_was_raised():
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(Aside("explanation").run(int, "x"))
