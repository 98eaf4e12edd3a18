"""Background work goes on whatever happens to it, and everybody can see how it is doing."""

import asyncio

import pytest

from serve_app.core.supervisor import Supervisor


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def supervisor(clock=None, **settings):
    settings = {"first_pause_s": 0.001, "longest_pause_s": 0.004, **settings}
    return Supervisor(clock=clock or Clock(), words=str, **settings)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the work knows of nobody who waits
            await asyncio.sleep(0)


async def test_work_that_fails_is_started_anew_and_counted():
    calls = []

    async def work():
        calls.append(None)
        if len(calls) < 4:
            raise OSError(f"disk {len(calls)}")
        await asyncio.Event().wait()

    tasks = supervisor()
    tasks.start("save", work)
    await until(lambda: len(calls) == 4)
    status = tasks.statuses()["save"]
    assert (status.failures, status.error) == (3, "disk 3")
    await tasks.close()


async def test_what_fails_now_is_a_problem_until_it_runs_again():
    broken = True

    async def work():
        if broken:
            raise ValueError("the disk is full")
        await asyncio.Event().wait()

    tasks = supervisor(first_pause_s=0.01, longest_pause_s=0.01)
    tasks.start("save", work)
    await until(tasks.problems)
    assert tasks.problems() == ["save fails and is tried again: the disk is full"]
    broken = False
    await until(lambda: not tasks.problems())
    assert tasks.statuses()["save"].failures >= 1
    await tasks.close()


async def test_pauses_grow_up_to_the_longest_and_begin_anew_after_healthy_work(monkeypatch):
    clock, pauses, calls = Clock(), [], []
    sleep = asyncio.sleep

    async def slept(pause_s):
        pauses.append(pause_s)
        await sleep(0)

    async def work():
        calls.append(None)
        if len(calls) == 5:
            clock.now += 61.0
        if len(calls) == 7:
            await asyncio.Event().wait()
        raise OSError("gone")

    monkeypatch.setattr("serve_app.core.supervisor.asyncio.sleep", slept)
    tasks = supervisor(clock, first_pause_s=1.0, longest_pause_s=4.0)
    tasks.start("work", work)
    async with asyncio.timeout(5):
        while len(calls) < 7:
            await sleep(0)
    assert pauses == [1.0, 2.0, 4.0, 4.0, 1.0, 2.0]
    await tasks.close()


async def test_work_that_returns_is_done_and_a_name_is_free_again():
    calls = []

    async def work():
        calls.append(None)

    tasks = supervisor()
    tasks.start("once", work)
    await until(lambda: not tasks.running())
    tasks.start("once", work)
    await until(lambda: len(calls) == 2)
    assert tasks.statuses() == {}


async def test_a_name_that_runs_is_not_started_twice():
    calls = []

    async def work():
        calls.append(None)
        await asyncio.Event().wait()

    tasks = supervisor()
    tasks.start("work", work)
    tasks.start("work", work)
    await until(lambda: calls)
    assert len(calls) == 1
    await tasks.close()


async def test_closing_cancels_everything_and_waits_for_its_end():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(None)

    tasks = supervisor()
    tasks.start("a", work)
    tasks.start("b", work)
    await asyncio.sleep(0)
    await tasks.close()
    assert len(ended) == 2
    assert not tasks.running()


async def test_work_that_is_stopped_is_not_started_anew():
    tasks = supervisor()
    tasks.start("work", asyncio.Event().wait)
    await asyncio.sleep(0)
    tasks.stop("work")
    tasks.stop("nobody")
    assert not tasks.running()


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
def test_the_end_of_the_process_is_not_taken_for_a_failure(error):
    async def work():
        raise error

    async def main():
        tasks = supervisor()
        tasks.start("work", work)
        await asyncio.sleep(0.01)
        assert all(not status.failures for status in tasks.statuses().values())

    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main())
    else:
        asyncio.run(main())
