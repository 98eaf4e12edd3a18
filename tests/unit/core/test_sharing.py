"""Callers that ask beside each other are worked on in turns; who is alone never waits."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.core.offload import LARGE_BYTES
from serve_app.core.sharing import BESIDE_S, FEW, MOST_WAIT_S, Sharing
from serve_app.errors import Overloaded
from tests.clocks import Clock

OWNERS = ("ann", "bob", "cid")
DEADLINE_S = 10


class Hall:
    """Requests of several callers before a process that they share."""

    def __init__(self, most_wait_s=MOST_WAIT_S):
        self.clock, self.size_bytes = Clock(), LARGE_BYTES
        self.sharing = Sharing(clock=self.clock, draw=lambda: 0.5, most_wait_s=most_wait_s)
        self.working = {owner: [] for owner in OWNERS}
        self.waiting = {owner: [] for owner in OWNERS}
        self.began = []

    async def come(self, owner):
        """A request that begins, or waits."""
        ends = asyncio.Event()
        task = asyncio.create_task(self._ask(owner, ends))
        task.ends = ends
        self.waiting[owner].append(task)
        await self.settle()
        return task

    async def end(self, owner):
        task = self.working[owner].pop(0)
        task.ends.set()
        await asyncio.wait_for(task, DEADLINE_S)
        await self.settle()

    async def leave(self, owner):
        """One that waits is given up."""
        task = self.waiting[owner].pop()
        task.cancel()
        await asyncio.wait([task], timeout=DEADLINE_S)
        await self.settle()

    async def settle(self):
        for _ in range(5):
            await asyncio.sleep(0)

    def counts(self):
        return {owner: (len(self.working[owner]), len(self.waiting[owner])) for owner in OWNERS}

    async def _ask(self, owner, ends):
        with self.sharing.turn(owner) as turn:
            turn.size_bytes = self.size_bytes
            await turn.begin()
            me = asyncio.current_task()
            self.waiting[owner].remove(me)
            self.working[owner].append(me)
            self.began.append(owner)
            await ends.wait()


async def test_who_asks_alone_never_waits():
    hall = Hall()
    for _ in range(100):
        await hall.come("ann")
    assert hall.counts()["ann"] == (100, 0)


async def test_whoever_comes_beside_a_flood_begins_at_once_and_the_flood_waits_from_then_on():
    hall = Hall()
    for _ in range(20):
        await hall.come("ann")
    await hall.come("bob")
    for _ in range(5):
        await hall.come("ann")
    assert hall.counts()["bob"] == (1, 0)
    assert hall.counts()["ann"] == (20, 5)
    for _ in range(19):
        await hall.end("ann")
    # What there was is worked off first; one of each has a place of its own.
    assert hall.counts()["ann"] == (1, 5)
    await hall.end("ann")
    assert hall.counts()["ann"] == (1, 4)
    await hall.come("cid")
    assert hall.counts()["cid"] == (1, 0)


async def test_a_few_short_requests_of_a_caller_wait_for_nobody_and_more_of_them_do():
    hall = Hall()
    for _ in range(20):
        await hall.come("ann")
    hall.size_bytes = 100
    for _ in range(FEW + 2):
        await hall.come("bob")
    assert hall.counts()["bob"] == (FEW, 2)
    # Whoever floods with short ones has waiting ones, and so one place from then on.
    for _ in range(FEW):
        await hall.end("bob")
    assert hall.counts()["bob"] == (1, 1)


async def test_nothing_waits_any_more_once_nobody_else_asks():
    hall = Hall()
    await hall.come("bob")
    for _ in range(10):
        await hall.come("ann")
    await hall.end("bob")
    assert hall.counts()["ann"] == (2, 8)
    hall.clock.now_s = BESIDE_S + 1
    await hall.come("ann")
    await hall.end("ann")
    assert hall.counts()["ann"] == (10, 0)


async def test_those_who_wait_get_what_becomes_free_by_turns():
    hall = Hall()
    for _ in range(6):
        for owner in OWNERS:
            await hall.come(owner)
    hall.began.clear()
    for _ in range(5):
        for owner in OWNERS:
            await hall.end(owner)
    assert {owner: hall.began.count(owner) for owner in OWNERS} == dict.fromkeys(OWNERS, 5)
    assert hall.sharing.waiting == 0


async def test_more_are_worked_on_at_once_where_that_takes_no_longer():
    """Replicas that answer ten at once in the time of one: the tenth waits for nobody."""
    hall = Hall()
    await hall.come("bob")
    await hall.come("ann")
    for _ in range(30):
        await hall.come("ann")
    most = 0
    for _ in range(200):
        hall.clock.now_s += 0.2
        working = len(hall.working["ann"])
        for _ in range(working):
            await hall.end("ann")
            await hall.come("ann")
        await hall.end("bob")
        await hall.come("bob")
        most = max(most, working)
    assert most >= 10


async def test_who_waits_too_long_is_told_to_come_with_less():
    hall = Hall(most_wait_s=0.01)
    await hall.come("bob")
    for _ in range(3):
        task = await hall.come("ann")
    with pytest.raises(Overloaded, match="ann has more requests") as refused:
        await asyncio.wait_for(task, DEADLINE_S)
    assert refused.value.details["limit"] == "turns"
    assert hall.sharing.waiting == 0
    assert 0 < MOST_WAIT_S < 15


async def test_what_waited_is_read_as_a_mean_over_time():
    hall = Hall()
    await hall.come("bob")
    for _ in range(5):
        await hall.come("ann")
    assert hall.counts()["ann"][1] == 4
    hall.clock.now_s += 2.0
    assert hall.sharing.read() == pytest.approx(4.0)


@given(st.lists(st.tuples(st.sampled_from(["come", "come", "end", "leave", "late", "short"]),
                          st.sampled_from(OWNERS)), max_size=60))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_nobody_starves_and_all_that_came_are_answered(steps):
    asyncio.run(_lived_through(steps))


async def _lived_through(steps):
    hall = Hall()
    for what, owner in steps:
        if what == "come":
            await hall.come(owner)
        elif what == "end" and hall.working[owner]:
            await hall.end(owner)
        elif what == "leave" and hall.waiting[owner]:
            await hall.leave(owner)
        elif what == "late":
            hall.clock.now_s += 4.0
        elif what == "short":
            hall.size_bytes = LARGE_BYTES - hall.size_bytes
        # Whoever waits has one that is worked on, whatever others do.
        assert all(working for working, waiting in hall.counts().values() if waiting)
        assert hall.sharing.waiting == sum(waiting for _, waiting in hall.counts().values())
    while any(hall.working.values()):
        for owner in OWNERS:
            if hall.working[owner]:
                await hall.end(owner)
    assert hall.counts() == dict.fromkeys(OWNERS, (0, 0))
    assert hall.sharing.waiting == 0
