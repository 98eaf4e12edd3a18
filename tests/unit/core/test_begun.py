"""Coroutines that are begun at once go on as if they had been awaited from the start."""

import asyncio

import pytest

from serve_app.core.begun import Ended, begun


async def test_what_has_nothing_to_wait_for_is_over_at_once():
    async def add(a, b):
        return a + b

    assert begun(add(1, 2)) == Ended(3)


async def test_what_waits_is_awaited_to_its_end():
    steps = []

    async def work():
        for number in range(3):
            steps.append(number)
            await asyncio.sleep(0)
        return await asyncio.to_thread(lambda: "done")

    rest = begun(work())
    assert steps == [0]
    assert await rest == "done"
    assert steps == [0, 1, 2]


async def test_errors_come_out_at_once_and_later():
    async def fail(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        raise KeyError(turns)

    with pytest.raises(KeyError):
        begun(fail(0))
    with pytest.raises(KeyError):
        await begun(fail(2))


async def test_a_cancellation_reaches_what_waits():
    ended = []

    async def wait():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    async def awaiting(rest):
        await rest

    task = asyncio.ensure_future(awaiting(begun(wait())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_a_time_limit_ends_what_waits_too_long():
    async def wait():
        await asyncio.get_running_loop().create_future()

    rest = begun(wait())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await rest
