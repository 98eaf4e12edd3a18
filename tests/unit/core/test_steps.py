"""What was begun is finished first, and those who begin take turns by whose requests they are."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.core.flow import OWNER
from serve_app.core.offload import Offload
from serve_app.core.steps import Steps

DEADLINE_S = 10


@pytest.fixture
def steps():
    made = Steps("tests")
    yield made
    made.shutdown()


class Busy:
    """Keeps the thread until it is let go, so that all that is added waits."""

    def __init__(self, steps):
        self._free, running = threading.Event(), threading.Event()
        steps.begun.submit(lambda: (running.set(), self._free.wait(DEADLINE_S)))
        assert running.wait(DEADLINE_S)

    def end(self):
        self._free.set()


def owned(steps, owner, function, *args):
    token = OWNER.set(owner)
    try:
        return steps.first.submit(function, *args)
    finally:
        OWNER.reset(token)


def test_what_was_begun_goes_before_what_begins(steps):
    busy, done = Busy(steps), []
    added = [owned(steps, "ann", done.append, f"first {n}") for n in range(2)]
    added += [steps.begun.submit(done.append, f"later {n}") for n in range(2)]
    busy.end()
    for one in added:
        one.result(DEADLINE_S)
    assert done == ["later 0", "later 1", "first 0", "first 1"]


@settings(max_examples=30)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_who_sends_one_waits_for_one_of_each_other_at_most(owners):
    steps, done = Steps("tests"), []
    busy = Busy(steps)
    added = [owned(steps, owner, done.append, (owner, at)) for at, owner in enumerate(owners)]
    busy.end()
    for one in added:
        one.result(DEADLINE_S)
    steps.shutdown()
    assert sorted(at for _, at in done) == list(range(len(owners)))
    names = [owner for owner, _ in done]
    rounds = [names[: place + 1].count(owner) for place, owner in enumerate(names)]
    # Everybody's second comes after everybody's first, and so on; each own ones in their order.
    assert rounds == sorted(rounds)
    for owner in set(owners):
        assert [at for who, at in done if who == owner] == sorted(
            at for who, at in done if who == owner
        )


def test_steps_give_their_results_or_raise_their_errors(steps):
    assert steps.begun.submit(divmod, 7, 2).result(DEADLINE_S) == (3, 1)
    assert owned(steps, "ann", divmod, 7, 2).result(DEADLINE_S) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        owned(steps, "ann", divmod, 7, 0).result(DEADLINE_S)


def test_a_step_that_is_given_up_is_never_done(steps):
    busy, done = Busy(steps), []
    given_up = owned(steps, "ann", done.append, 1)
    assert given_up.cancel()
    last = owned(steps, "ann", done.append, 2)
    busy.end()
    last.result(DEADLINE_S)
    assert done == [2]


def test_all_that_was_taken_is_done_at_the_end_and_nothing_is_taken_after_it():
    steps, done = Steps("tests"), []
    for number in range(20):
        owned(steps, str(number % 3), done.append, number)
    steps.shutdown()
    assert sorted(done) == list(range(20))
    with pytest.raises(RuntimeError):
        steps.begun.submit(int)


async def test_of_many_requests_the_first_is_answered_before_the_last_is_read(steps):
    """Each has three steps, as a body, its rows and its answer; all bodies come at once."""
    offload, done, loop = Offload(steps.begun, steps.first), [], asyncio.get_running_loop()
    handed_on = threading.Event()

    def step(*what):
        done.append(what)
        # Steps take longer than the event loop does to hand on what comes after the last one.
        handed_on.clear()
        loop.call_soon_threadsafe(loop.call_soon, handed_on.set)
        assert handed_on.wait(DEADLINE_S)

    async def request(number):
        await offload.begin(step, "read", number)
        await offload.run(step, "checked", number)
        await offload.run(step, "written", number)

    await asyncio.gather(*map(request, range(16)))
    written, read = done.index(("written", 0)), done.index(("read", 15))
    assert written < read
    assert len(done) == 48
    # Never are more than a few between their first step and their last.
    open_requests = [
        sum(1 if name == "read" else -1 for name, _ in done[:end] if name != "checked")
        for end in range(len(done) + 1)
    ]
    assert max(open_requests) <= 3
