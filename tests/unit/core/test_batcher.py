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
from serve_app.core.refusals import refused
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


@pytest.mark.parametrize("poisoned", [{0}, {63}, {5, 40}, set(range(64))])
async def test_a_row_that_the_target_names_is_known_by_its_number_in_its_own_request(poisoned):
    calls = []

    async def named(columns, deadline):
        calls.append(columns.rows)
        bad = np.flatnonzero(columns["x"] < 0)
        if len(bad):
            raise refused("negative", row=int(bad[0]), column="x", seen="-1.0")
        return Prediction(columns["x"] * 2)

    target = Target()
    coalescer = Coalescer(
        named, clock=target.clock, max_rows=999, max_calls=1, max_waiting_rows=999, slow_call_s=60.0
    )
    sent = [rows(i, i, POISON if i in poisoned else i) for i in range(64)]
    answers = await asyncio.gather(
        *[coalescer.submit(part, FOREVER) for part in sent], return_exceptions=True
    )
    for number, answer in enumerate(answers):
        if number in poisoned:
            assert answer.details == refused("negative", row=2, column="x", seen="-1.0").details
        else:
            assert doubled(answer) == [2 * number] * 3
    assert len(calls) <= 1 + 3 * len(poisoned)


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


@pytest.fixture
async def target(monkeypatch):
    """A target behind a closed gate, by whose clock the loop's own timers run."""
    target = Target()
    target.gate.clear()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", target.clock)
    return target


def submitted(coalescer, *values, deadline=FOREVER, dtype=float):
    return asyncio.create_task(coalescer.submit(rows(*values, dtype=dtype), deadline))


async def test_a_deadline_that_passes_during_a_call_is_told_at_once_and_to_nobody_else(target):
    coalescer = target.coalescer()
    patient, late = submitted(coalescer, 1), submitted(coalescer, 2, deadline=5.0)
    await turns()
    target.now = 4.9
    await turns()
    assert not late.done()
    target.now = 5.0
    await turns()
    assert isinstance(late.exception(), DeadlineExceeded)
    assert not patient.done()
    target.gate.set()
    assert doubled(await patient) == [2]
    assert target.calls == [[1, 2]]


async def test_a_deadline_that_passes_while_a_batch_is_halved_is_not_computed_again():
    target = Target()
    asked = []

    async def call(columns, deadline):
        asked.append(columns["x"].tolist())
        target.now += 1.0
        raise ModelFailed("always")

    coalescer = Coalescer(
        call, clock=target.clock, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=60.0
    )
    sent = [(1, FOREVER), (2, FOREVER), (3, FOREVER), (4, 2.5)]
    answers = await asyncio.gather(
        *[coalescer.submit(rows(value), deadline) for value, deadline in sent],
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [ModelFailed] * 3 + [DeadlineExceeded]
    assert asked == [[1, 2, 3, 4], [1, 2], [1], [2], [3]]


async def test_when_everybody_has_left_nobody_is_called(target):
    coalescer = target.coalescer()
    tasks = [submitted(coalescer, i) for i in range(3)]
    await asyncio.sleep(0)
    assert coalescer.waiting_rows == 3
    for task in tasks:
        task.cancel()
    await turns()
    assert target.calls == []
    assert coalescer.waiting_rows == coalescer.in_flight == 0
    target.gate.set()
    assert doubled(await submitted(coalescer, 7)) == [14]


async def test_a_client_that_leaves_during_its_call_is_not_asked_for_again_when_it_fails(target):
    coalescer = target.coalescer()
    leaves, poisonous, stays = (submitted(coalescer, v) for v in (1.0, POISON, 3.0))
    await turns()
    leaves.cancel()
    await turns()
    target.gate.set()
    assert doubled(await stays) == [6]
    assert isinstance((await asyncio.gather(poisonous, return_exceptions=True))[0], ModelFailed)
    assert target.calls == [[1, -1, 3], [-1, 3], [-1], [3]]


async def test_a_call_that_is_cancelled_from_below_is_told_as_something_to_try_again():
    async def call(columns, deadline):
        raise asyncio.CancelledError

    coalescer = Coalescer(
        call, clock=lambda: 0.0, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=1.0
    )
    answers = await asyncio.gather(
        *[coalescer.submit(rows(i), FOREVER) for i in range(3)], return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [NotReady] * 3
    assert "try again" in answers[0].message
    assert coalescer.in_flight == 0


async def test_everybodys_error_is_their_own_and_says_the_same():
    told = NotReady("no replica is there", retry_after_s=2.0)

    async def gone(columns, deadline):
        raise told

    coalescer = Coalescer(
        gone, clock=lambda: 0.0, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=1.0
    )
    answers = await asyncio.gather(
        *[coalescer.submit(rows(i), FOREVER) for i in range(3)], return_exceptions=True
    )
    assert {answer.message for answer in answers} == {"no replica is there"}
    assert [answer.details for answer in answers] == [{"retry_after_s": 2.0}] * 3
    assert all(answer.__cause__ is told for answer in answers)


async def test_an_error_that_is_none_of_ours_reaches_all_after_one_call():
    calls = []

    async def broken(columns, deadline):
        calls.append(columns.rows)
        raise ZeroDivisionError

    coalescer = Coalescer(
        broken, clock=lambda: 0.0, max_rows=9, max_calls=1, max_waiting_rows=99, slow_call_s=1.0
    )
    answers = await asyncio.gather(
        *[coalescer.submit(rows(i), FOREVER) for i in range(3)], return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [ZeroDivisionError] * 3
    assert calls == [3]


async def test_a_failed_call_leaves_the_next_ones_as_they_are():
    target = Target()
    coalescer = target.coalescer()
    with pytest.raises(ModelFailed):
        await coalescer.submit(rows(POISON), FOREVER)
    assert doubled(await coalescer.submit(rows(1), FOREVER)) == [2]
    assert coalescer.counters.calls == 2


async def test_the_time_to_come_back_is_that_of_the_calls_ahead(target):
    coalescer = target.coalescer(max_rows=2, max_waiting_rows=6, slow_call_s=8.0)
    sent = [submitted(coalescer, 0)]
    await turns()
    sent += [submitted(coalescer, i, i) for i in (1, 2, 3)]
    await turns()
    with pytest.raises(Overloaded) as caught:
        await coalescer.submit(rows(4), FOREVER)
    # Three full calls wait; one takes 8 s until the first has said otherwise.
    assert caught.value.details["retry_after_s"] == 24.0
    target.now = 8.0
    await turns()
    assert coalescer.allowed == 1
    target.gate.set()
    await asyncio.gather(*sent)


async def test_the_time_to_come_back_is_never_none_at_all(target):
    coalescer = target.coalescer(max_rows=1000, max_waiting_rows=1, slow_call_s=1.0)
    sent = [submitted(coalescer, 0)]
    await turns()
    sent.append(submitted(coalescer, 1))
    await turns()
    with pytest.raises(Overloaded) as caught:
        await coalescer.submit(rows(2), FOREVER)
    assert caught.value.details["retry_after_s"] == 0.1
    target.gate.set()
    await asyncio.gather(*sent)


async def test_room_that_those_who_leave_make_is_room(target):
    coalescer = target.coalescer(max_waiting_rows=1)
    on_its_way = submitted(coalescer, 0)
    await turns()
    leaves = submitted(coalescer, 1)
    await turns()
    leaves.cancel()
    await turns()
    stays = submitted(coalescer, 2)
    target.gate.set()
    assert doubled(await stays) == [4]
    assert doubled(await on_its_way) == [0]
    assert coalescer.counters.refused == 0


async def test_a_call_that_is_slow_lets_another_go_beside_it(target):
    coalescer = target.coalescer(max_calls=2, slow_call_s=1.0)
    sent = [submitted(coalescer, 1)]
    await turns()
    sent += [submitted(coalescer, 2), submitted(coalescer, 3)]
    target.now = 0.9
    await turns()
    assert target.calls == [[1]]
    target.now = 1.0
    await turns()
    assert target.calls == [[1], [2, 3]]
    sent.append(submitted(coalescer, 4))
    target.now = 9.0
    await turns()
    assert (coalescer.in_flight, coalescer.allowed) == (2, 2)
    target.gate.set()
    assert [doubled(await task) for task in sent] == [[2], [4], [6], [8]]


async def test_a_call_that_hangs_keeps_nobody_else_waiting(target):
    coalescer = target.coalescer(max_calls=2, slow_call_s=1.0)
    hangs = submitted(coalescer, 1)
    await turns()
    target.now = 1.0
    await turns()
    # Those after it meet a gate of their own, which is open.
    shut, target.gate = target.gate, asyncio.Event()
    target.gate.set()
    for value in range(20):
        assert doubled(await submitted(coalescer, value)) == [2 * value]
    assert coalescer.allowed == 2
    assert not hangs.done()
    shut.set()
    assert doubled(await hangs) == [2]


async def test_closing_twice_or_with_nothing_to_do_is_closing():
    coalescer = Target().coalescer()
    await coalescer.close()
    await coalescer.close()
    with pytest.raises(NotReady, match="try again"):
        await coalescer.submit(rows(1), FOREVER)


async def test_closing_before_the_first_turn_calls_nobody(target):
    coalescer = target.coalescer()
    waiting = submitted(coalescer, 1)
    await asyncio.sleep(0)
    await coalescer.close()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], NotReady)
    await turns()
    assert target.calls == []


async def test_each_row_is_counted_each_time_it_is_sent():
    target = Target()
    coalescer = target.coalescer()
    await asyncio.gather(
        *[coalescer.submit(rows(v, v), FOREVER) for v in (1.0, POISON)], return_exceptions=True
    )
    counters = coalescer.counters
    assert (counters.calls, counters.rows, counters.largest_batch) == (3, 8, 4)


class Gated:
    """Holds every call until it is told to answer; notes what was ever in flight."""

    def __init__(self):
        self.calls = []
        self.held = []
        self.most = 0

    async def __call__(self, columns, deadline):
        answer = asyncio.get_running_loop().create_future()
        self.calls.append((columns.block.dtype, columns["x"].tolist()))
        self.held.append(answer)
        self.most = max(self.most, sum(not held.done() for held in self.held))
        await answer
        if (columns["x"] < 0).any():
            raise ModelFailed("a poisonous row")
        return Prediction(columns["x"] * 2)

    def release(self, which):
        waiting = [held for held in self.held if not held.done()]
        if waiting:
            waiting[which % len(waiting)].set_result(None)
        return bool(waiting)


ACTION = st.one_of(
    st.tuples(st.just("submit"), st.integers(1, 4), st.sampled_from(["f4", "f8"]), st.booleans()),
    st.tuples(st.just("leave"), st.integers(0, 40)),
    st.tuples(st.just("release"), st.integers(0, 5)),
    st.tuples(st.just("turn")),
)


class Crowd:
    """Clients who come and leave as they are told, and what must hold of them in the end."""

    def __init__(self, max_rows, max_calls):
        self.target = Gated()
        self.coalescer = Coalescer(
            self.target,
            clock=lambda: 0.0,
            max_rows=max_rows,
            max_calls=max_calls,
            max_waiting_rows=10_000,
            slow_call_s=0.0,
        )
        self.clients = []
        self.unsent = set()
        self.numbers = itertools.count(1)

    async def submit(self, size, dtype, poisonous):
        sign = -1.0 if poisonous else 1.0
        values = [sign * next(self.numbers) for _ in range(size)]
        task = submitted(self.coalescer, *values, dtype=dtype)
        self.clients.append((values, np.dtype(dtype), task))

    async def leave(self, which):
        # Whatever may leave has left for the target before the client does.
        await turns()
        if not self.clients:
            return
        values, _, task = self.clients[which % len(self.clients)]
        sent = {value for _, call in self.target.calls for value in call}
        if task.cancel() and not sent.intersection(values):
            self.unsent.update(values)

    async def release(self, which):
        self.target.release(which)

    async def turn(self):
        await turns(1)

    async def finish(self):
        await turns()
        while self.target.release(0):
            await turns()
        assert self.coalescer.in_flight == self.coalescer.waiting_rows == 0
        return await asyncio.gather(*[task for *_, task in self.clients], return_exceptions=True)


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTION, min_size=8, max_size=40), st.integers(1, 8), st.integers(1, 3))
def test_whoever_comes_leaves_or_fails_all_others_get_their_own(actions, max_rows, max_calls):
    async def run():
        crowd = Crowd(max_rows, max_calls)
        for action, *how in actions:
            await getattr(crowd, action)(*how)
        return crowd, await crowd.finish()

    crowd, answers = asyncio.run(run())
    for (values, dtype, task), answer in zip(crowd.clients, answers, strict=True):
        if task.cancelled():
            continue
        if values[0] < 0:
            assert isinstance(answer, ModelFailed)
        else:
            assert doubled(answer) == [2 * value for value in values]
            assert answer.values.dtype == dtype
    whole = [values for values, *_ in crowd.clients]
    for dtype, call in crowd.target.calls:
        assert len(call) <= max_rows or call in whole
        assert not crowd.unsent.intersection(call)
        assert {dtype} == {d for values, d, _ in crowd.clients if set(values) & set(call)}
    assert crowd.target.most <= max_calls


async def test_each_replica_is_given_a_call_of_its_own():
    target, replicas = Target(), 1
    target.gate.clear()
    coalescer = target.coalescer(replicas=lambda: replicas)
    answers = [asyncio.create_task(coalescer.submit(rows(i), FOREVER)) for i in range(2)]
    await turns()
    answers += [asyncio.create_task(coalescer.submit(rows(i), FOREVER)) for i in range(2, 4)]
    await turns()
    assert target.calls == [[0, 1]]
    replicas = 3
    answers.append(asyncio.create_task(coalescer.submit(rows(4), FOREVER)))
    await turns()
    assert target.calls == [[0, 1], [2, 3, 4]]
    assert (coalescer.allowed, coalescer.in_flight) == (3, 2)
    target.gate.set()
    assert [doubled(answer) for answer in await asyncio.gather(*answers)] == [
        [2 * i] for i in range(5)
    ]


async def test_a_short_request_of_another_flow_leaves_with_the_next_call():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer(max_rows=4)
    flood = [
        asyncio.create_task(coalescer.submit(rows(*range(4)), FOREVER, "flood")) for _ in range(20)
    ]
    await turns()
    polite = asyncio.create_task(coalescer.submit(rows(9), FOREVER, "polite"))
    await turns()
    target.gate.set()
    await asyncio.gather(*flood, polite)
    assert [9] in target.calls[1:3]


async def test_a_full_queue_refuses_who_fills_it_and_not_another_flow():
    target = Target()
    target.gate.clear()
    coalescer = target.coalescer(max_rows=2, max_waiting_rows=10)
    flood = []
    for number in range(6):
        rows_of_two = rows(number, number)
        flood.append(asyncio.create_task(coalescer.submit(rows_of_two, FOREVER, "flood")))
        await turns()
    with pytest.raises(Overloaded):
        await coalescer.submit(rows(7), FOREVER, "flood")
    polite = asyncio.create_task(coalescer.submit(rows(9), FOREVER, "polite"))
    await turns()
    assert coalescer.counters.refused == 2
    target.gate.set()
    answers = await asyncio.gather(*flood, return_exceptions=True)
    assert [isinstance(one, Overloaded) for one in answers] == [False] * 5 + [True]
    assert answers[5].details["retry_after_s"] > 0
    assert doubled(await polite) == [18]
    assert coalescer.waiting_rows == 0
