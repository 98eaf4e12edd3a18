"""Requests that meet become one call, and nobody pays for anybody else's mistakes."""

import asyncio
import contextvars
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.core.batcher import Coalescer
from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.errors import (
    DeadlineExceeded,
    InvalidInput,
    ModelFailed,
    NotReady,
    Overloaded,
)

POISON = -1.0
FOREVER = 1e9


class Target:
    """Answers each row with its double; a negative number makes a call fail.

    Calls wait for `gate`; `calls` holds the rows of each.
    """

    def __init__(self):
        self.calls = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = 0.0

    def clock(self):
        return self.now

    async def __call__(self, columns, deadline):
        self.calls.append(columns["x"].tolist())
        await self.gate.wait()
        if (columns["x"] < 0).any():
            raise ModelFailed("a poisonous row")
        return Prediction(columns["x"] * 2)

    def coalescer(self, **limits):
        chosen = {"max_rows": 100, "max_calls": 1, "max_waiting_rows": 1000, "slow_call_s": 60.0}
        return Coalescer(self, clock=self.clock, **{**chosen, **limits})


def rows(*values, dtype=float):
    return Columns.from_block(["x"], np.array(values, dtype=dtype).reshape(-1, 1))


def doubled(prediction):
    return prediction.values.tolist()


async def turns(count=5):
    """Let everything happen that can happen without waiting."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_comes_in_one_turn_leaves_in_one_call():
    target = Target()
    coalescer = target.coalescer()
    answers = await asyncio.gather(*[coalescer.submit(rows(i), FOREVER) for i in range(10)])
    assert target.calls == [list(range(10))]
    assert [doubled(answer) for answer in answers] == [[2 * i] for i in range(10)]
    assert coalescer.counters.calls == 1
    assert coalescer.counters.largest_batch == 10


async def test_what_comes_during_a_call_leaves_together_when_it_returns():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer()
    first = asyncio.create_task(coalescer.submit(rows(1), FOREVER))
    await turns()
    rest = [asyncio.create_task(coalescer.submit(rows(i), FOREVER)) for i in (2, 3, 4)]
    await turns()
    assert target.calls == [[1]]
    assert coalescer.waiting_rows == 3
    assert coalescer.in_flight == 1
    target.gate.set()
    await asyncio.gather(first, *rest)
    assert target.calls == [[1], [2, 3, 4]]
    assert coalescer.waiting_rows == 0


async def test_a_call_has_at_most_so_many_rows_and_a_larger_request_goes_alone():
    target = Target()
    coalescer = target.coalescer(max_rows=4)
    many = [rows(1, 2), rows(3, 4), rows(5), rows(*range(9)), rows(6)]
    answers = await asyncio.gather(*[coalescer.submit(part, FOREVER) for part in many])
    assert [len(call) for call in target.calls] == [4, 1, 9, 1]
    assert doubled(answers[3]) == [2 * i for i in range(9)]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 7), min_size=1, max_size=30),
    poisoned=st.sets(st.integers(0, 29), max_size=4),
    turns_between=st.lists(st.integers(0, 3), min_size=30, max_size=30),
    max_rows=st.integers(1, 12),
    max_calls=st.integers(1, 3),
)
def test_everybody_gets_their_own_rows_and_only_the_poisonous_fail(
    sizes, poisoned, turns_between, max_rows, max_calls
):
    async def run():
        target = Target()
        coalescer = target.coalescer(max_rows=max_rows, max_calls=max_calls)
        numbers = itertools.count()
        requests = []
        for index, size in enumerate(sizes):
            values = [float(next(numbers)) for _ in range(size)]
            bad = index in poisoned and size > 0
            sent = rows(*([POISON, *values[1:]] if bad else values))
            requests.append((values, bad, asyncio.create_task(coalescer.submit(sent, FOREVER))))
            await turns(turns_between[index])
        for values, bad, task in requests:
            if bad:
                with pytest.raises(ModelFailed):
                    await task
            else:
                assert doubled(await task) == [2 * value for value in values]
        assert coalescer.waiting_rows == 0

    asyncio.run(run())


async def test_one_poisonous_request_among_many_costs_few_more_calls():
    target = Target()
    coalescer = target.coalescer()
    sent = [rows(float(i)) for i in range(63)] + [rows(POISON)]
    answers = await asyncio.gather(
        *[coalescer.submit(part, FOREVER) for part in sent], return_exceptions=True
    )
    assert isinstance(answers[63], ModelFailed)
    assert all(isinstance(answer, Prediction) for answer in answers[:63])
    assert len(target.calls) < 16


async def test_an_error_that_is_nobodys_rows_is_told_to_all_without_another_call():
    calls = []

    async def gone(columns, deadline):
        calls.append(columns.rows)
        raise NotReady("no replica is there")

    coalescer = Coalescer(
        gone, clock=lambda: 0.0, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=1.0
    )
    answers = await asyncio.gather(
        *[coalescer.submit(rows(i), FOREVER) for i in range(3)], return_exceptions=True
    )
    assert calls == [3]
    assert [type(answer) for answer in answers] == [NotReady] * 3
    assert len({id(answer) for answer in answers}) == 3


async def test_a_client_that_leaves_takes_nobody_along():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer()
    tasks = [asyncio.create_task(coalescer.submit(rows(i), FOREVER)) for i in range(3)]
    await turns()
    tasks[0].cancel()
    await turns()
    target.gate.set()
    assert [doubled(await task) for task in tasks[1:]] == [[2], [4]]
    assert tasks[0].cancelled()


async def test_rows_of_a_client_that_left_while_waiting_never_leave():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer()
    first = asyncio.create_task(coalescer.submit(rows(1), FOREVER))
    await turns()
    waiting = [asyncio.create_task(coalescer.submit(rows(i), FOREVER)) for i in (2, 3)]
    await turns()
    waiting[0].cancel()
    await turns()
    assert coalescer.waiting_rows == 1
    target.gate.set()
    await asyncio.gather(first, waiting[1])
    assert target.calls == [[1], [3]]


async def test_calls_run_in_a_context_of_their_own():
    owner = contextvars.ContextVar("owner", default="nobody")
    seen = []

    async def call(columns, deadline):
        seen.append(owner.get())
        return Prediction(columns["x"])

    coalescer = Coalescer(
        call, clock=lambda: 0.0, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=1.0
    )
    owner.set("the first client")
    await coalescer.submit(rows(1), FOREVER)
    assert seen == ["nobody"]


async def test_more_than_may_wait_is_refused_with_a_time_to_come_back():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer(max_waiting_rows=5)
    tasks = [asyncio.create_task(coalescer.submit(rows(0), FOREVER))]
    await turns()
    tasks.append(asyncio.create_task(coalescer.submit(rows(1, 2, 3, 4, 5), FOREVER)))
    await turns()
    with pytest.raises(Overloaded) as caught:
        await coalescer.submit(rows(6), FOREVER)
    assert caught.value.details["retry_after_s"] > 0
    assert "5 rows wait" in caught.value.message
    assert coalescer.counters.refused == 1
    target.gate.set()
    await asyncio.gather(*tasks)
    assert doubled(await coalescer.submit(rows(6), FOREVER)) == [12]


async def test_a_request_larger_than_the_queue_is_let_in_when_nobody_waits():
    coalescer = Target().coalescer(max_waiting_rows=2)
    assert doubled(await coalescer.submit(rows(1, 2, 3), FOREVER)) == [2, 4, 6]


async def test_a_deadline_that_has_passed_costs_no_call():
    target = Target()
    target.now = 5.0
    with pytest.raises(DeadlineExceeded):
        await target.coalescer().submit(rows(1), 5.0)
    assert target.calls == []


async def test_rows_whose_deadline_passes_while_they_wait_never_leave():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer()
    first = asyncio.create_task(coalescer.submit(rows(1), FOREVER))
    await turns()
    late = asyncio.create_task(coalescer.submit(rows(2), 0.001))
    with pytest.raises(DeadlineExceeded):
        await late
    assert coalescer.waiting_rows == 0
    target.gate.set()
    await first
    assert target.calls == [[1]]


async def test_a_call_has_time_until_the_last_of_its_deadlines():
    seen = []

    async def call(columns, deadline):
        seen.append(deadline)
        return Prediction(columns["x"])

    coalescer = Coalescer(
        call, clock=lambda: 0.0, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=1.0
    )
    await asyncio.gather(coalescer.submit(rows(1), 10.0), coalescer.submit(rows(2), 30.0))
    assert seen == [30.0]


async def test_rows_of_different_types_are_never_stacked():
    target = Target()
    coalescer = target.coalescer()
    text = Columns.of({"x": np.array([1.0, 2.0]), "t": np.array(["a", None], dtype=object)})
    sent = [rows(1.0), rows(2, dtype=np.float32), text, rows(3.0), rows(4, dtype=np.float32)]
    await asyncio.gather(*[coalescer.submit(part, FOREVER) for part in sent])
    assert sorted(target.calls) == [[1.0, 2.0], [1.0, 3.0], [2.0, 4.0]]


async def test_slow_calls_allow_more_at_once_and_quick_ones_fewer():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer(max_rows=1, max_calls=3, slow_call_s=0.001)
    tasks = [asyncio.create_task(coalescer.submit(rows(i), FOREVER)) for i in range(8)]
    async with asyncio.timeout(10):
        while coalescer.in_flight < 3:  # noqa: ASYNC110 - the loop's own timer is awaited
            await asyncio.sleep(0)
    assert coalescer.allowed == 3
    target.gate.set()
    await asyncio.gather(*tasks)
    for i in range(8):
        await coalescer.submit(rows(i), FOREVER)
    # The clock of this test stands still: to it, every call was quick.
    assert coalescer.allowed == 1


async def test_closing_fails_those_who_wait_and_lets_calls_on_their_way_answer():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer()
    first = asyncio.create_task(coalescer.submit(rows(1), FOREVER))
    await turns()
    waiting = asyncio.create_task(coalescer.submit(rows(2), FOREVER))
    await turns()
    closing = asyncio.create_task(coalescer.close())
    with pytest.raises(NotReady):
        await waiting
    assert not closing.done()
    target.gate.set()
    await closing
    assert doubled(await first) == [2]
    with pytest.raises(NotReady):
        await coalescer.submit(rows(3), FOREVER)


async def test_bad_input_that_a_model_finds_fails_alone():
    async def call(columns, deadline):
        if (columns["x"] < 0).any():
            raise InvalidInput("negative", row=0)
        return Prediction(columns["x"])

    coalescer = Coalescer(
        call, clock=lambda: 0.0, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=1.0
    )
    answers = await asyncio.gather(
        *[coalescer.submit(rows(i), FOREVER) for i in (1, -1, 2)], return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Prediction, InvalidInput, Prediction]
