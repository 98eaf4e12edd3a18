"""While one of several replicas is silent, the others answer in its place."""

import asyncio
import random

import pytest

from serve_app.engine import second_tries
from serve_app.engine.second_tries import MOST_TRIES, SecondTries

VERSION = "m@1"
PATIENCE_S = 0.02


class Lost(Exception):
    """A replica went with the call that it had taken."""


class Call:
    """One call of one replica; it has an answer, an error, or neither for ever."""

    def __init__(self, outcome, open_calls, replica):
        self.outcome, self.open_calls, self.replica = outcome, open_calls, replica
        self.cancelled = False
        open_calls[replica] += 1

    def __await__(self):
        return self._answer().__await__()

    async def _answer(self):
        try:
            if self.outcome is None:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome
        finally:
            self.open_calls[self.replica] -= 1

    def cancel(self):
        self.cancelled = True


class Replicas:
    """Picks the less busy one of two by chance, as Serve's router does by what it has given."""

    def __init__(self, *outcomes, seed=0):
        self.outcomes, self.calls = list(outcomes), []
        self.open = [0] * len(outcomes)
        self.random = random.Random(seed)

    def begin(self):
        some = self.random.sample(range(len(self.outcomes)), min(2, len(self.outcomes)))
        chosen = min(some, key=lambda one: self.open[one])
        self.calls.append(Call(self.outcomes[chosen], self.open, chosen))
        return self.calls[-1]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(second_tries, "PATIENCE_S", PATIENCE_S)


def made(**known):
    one = SecondTries(is_lost=lambda error: isinstance(error, Lost))
    if known:
        one.heard(VERSION, **known)
    return one


async def answers(tries, replicas, requests, deadline_s):
    """How many of requests, one after the other, were answered before their deadline."""
    answered = 0
    for _ in range(requests):
        try:
            async with asyncio.timeout(deadline_s):
                answered += await tries.first_answer(VERSION, replicas.begin) == "yes"
        except TimeoutError:
            pass
    return answered


@pytest.mark.parametrize("others", [1, 2, 4])
async def test_a_silent_one_of_several_fails_nothing(others):
    knows, knows_not = made(answering=others, silent=1), made()
    with_it, without = (Replicas(None, *["yes"] * others) for _ in range(2))
    assert await answers(knows, with_it, 60, 1.0) == 60
    # Each call that goes to it while nobody knows waits for its deadline.
    assert await answers(knows_not, without, 60, 0.03) < 60
    # It is passed by before long: what it was given stays counted.
    assert sum(call.replica == 0 for call in with_it.calls) <= 10


async def test_calls_on_their_way_are_tried_again_when_it_is_noticed():
    tries, replicas = made(), Replicas(None)
    waiting = [asyncio.create_task(tries.first_answer(VERSION, replicas.begin)) for _ in range(5)]
    await asyncio.sleep(2 * PATIENCE_S)
    assert not any(task.done() for task in waiting)
    replicas.outcomes.append("yes")
    replicas.open.append(-9)
    tries.heard(VERSION, answering=1, silent=1)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == ["yes"] * 5


@pytest.mark.parametrize(
    "known", [{}, {"answering": 2, "silent": 0}, {"answering": 0, "silent": 2}]
)
async def test_what_takes_long_is_computed_once_while_no_single_replica_is_silent(known):
    tries, replicas = made(**known), Replicas(None, None)
    assert await answers(tries, replicas, 1, 5 * PATIENCE_S) == 0
    assert len(replicas.calls) == 1
    assert replicas.calls[0].cancelled


async def test_no_call_is_begun_more_than_so_often():
    tries, replicas = made(answering=1, silent=1), Replicas(None)
    assert await answers(tries, replicas, 1, 8 * PATIENCE_S) == 0
    assert len(replicas.calls) == MOST_TRIES
    assert all(call.cancelled for call in replicas.calls)


async def test_a_replica_that_is_lost_is_waited_for_no_more_and_another_one_is():
    tries = made(answering=1, silent=1)
    lost = asyncio.get_running_loop().create_future()
    answer = asyncio.get_running_loop().create_future()
    begun = []

    def begin():
        begun.append(None)
        return lost if len(begun) == 1 else answer

    task = asyncio.create_task(tries.first_answer(VERSION, begin))
    async with asyncio.timeout(5):
        while len(begun) < 2:  # noqa: ASYNC110 - a timer begins it
            await asyncio.sleep(0.001)
    lost.set_exception(Lost())
    await asyncio.sleep(0.01)
    assert not task.done()
    answer.set_result("yes")
    assert await task == "yes"


async def test_an_error_of_the_model_is_an_answer():
    tries = made(answering=1, silent=1)
    with pytest.raises(ValueError, match="odd"):
        await tries.first_answer(VERSION, Replicas(ValueError("odd")).begin)
    with pytest.raises(Lost):
        await tries.first_answer(VERSION, Replicas(Lost()).begin)


async def test_whoever_answers_again_is_one_of_all():
    tries = made(answering=1, silent=1)
    assert tries.is_silent(VERSION)
    assert not tries.is_silent("other@1")
    tries.heard(VERSION, answering=2, silent=0)
    assert not tries.is_silent(VERSION)
