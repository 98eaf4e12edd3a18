"""One row that ends replicas ends two of them, and everybody else is answered."""

import asyncio
import time

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.surviving import SurvivingModels
from serve_app.errors import DeadlineExceeded, ReplicaDied, RowsRefused
from serve_app.tasks import task_named

PREDICT = task_named("predict")
LIMITS = Limits(max_rows=64, max_calls=4, max_waiting_rows=10_000, slow_call_s=60.0)
DEADLY = 13.0


class Replicas:
    """Compute one call at a time each; a row of 13 ends the one that sees it."""

    def __init__(self):
        self.died = 0
        self.calls = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self, version, task, columns, deadline):
        del version, task, deadline
        values = columns["x"].tolist()
        self.calls.append(values)
        await self.gate.wait()
        if DEADLY in values:
            self.died += 1
            raise ReplicaDied("m@1 had a replica that died")
        return Prediction(columns["x"] * 2)


def rows(*values):
    return Columns.from_block(["x"], np.array(values).reshape(-1, 1))


async def turns_until(what):
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0)
    pytest.fail("it has not come to that")


@pytest.fixture
def replicas():
    return Replicas()


@pytest.fixture
def models(replicas):
    together = CoalescedModels(replicas, clock=time.monotonic, limits=LIMITS)
    return SurvivingModels(together, replicas, clock=time.monotonic)


def asked(models, *values, timeout_s=20.0):
    return models.ask("m@1", PREDICT, rows(*values), time.monotonic() + timeout_s)


async def test_a_row_that_ends_replicas_ends_two_and_fails_no_other_request(models, replicas):
    together = [asked(models, float(n)) for n in range(40)]
    answers = await asyncio.gather(*together, return_exceptions=True)
    assert isinstance(answers[13], RowsRefused)
    others = [(n, one) for n, one in enumerate(answers) if n != 13]
    assert [one.values.tolist() for _, one in others] == [[2.0 * n] for n, _ in others]
    assert replicas.died == 2


async def test_a_hundred_copies_at_once_and_later_end_no_third(models, replicas):
    copies = [asked(models, DEADLY) for _ in range(50)]
    answers = await asyncio.gather(*copies, return_exceptions=True)
    assert {type(one) for one in answers} == {RowsRefused}
    for _ in range(50):
        with pytest.raises(RowsRefused, match="have the model looked at"):
            await asked(models, DEADLY)
    with pytest.raises(RowsRefused, match="row 2"):
        await asked(models, 1.0, 2.0, DEADLY)
    assert replicas.died == 2
    assert (await asked(models, 1.0)).values.tolist() == [2.0]
    assert models.problems() == ["m@1: 1 requests are refused whose rows ended two replicas"]


async def test_a_copy_that_comes_while_the_first_is_tried_waits_for_the_outcome(models, replicas):
    first = asyncio.create_task(asked(models, DEADLY))
    await turns_until(lambda: replicas.died)
    replicas.gate.clear()
    await turns_until(lambda: len(replicas.calls) == 2)
    copy = asyncio.create_task(asked(models, DEADLY))
    other = asyncio.create_task(asked(models, 5.0))
    for _ in range(5):
        await asyncio.sleep(0)
    assert replicas.calls == [[DEADLY], [DEADLY], [5.0]]
    replicas.gate.set()
    answers = await asyncio.gather(first, copy, return_exceptions=True)
    assert {type(one) for one in answers} == {RowsRefused}
    assert (await other).values.tolist() == [10.0]
    assert replicas.died == 2


async def test_a_replica_that_dies_of_something_else_fails_nothing(models, replicas):
    died = []

    class Once:
        async def ask(self, version, task, columns, deadline):
            if not died:
                died.append(columns.rows)
                raise ReplicaDied("killed")
            return await replicas.ask(version, task, columns, deadline)

    together = CoalescedModels(Once(), clock=time.monotonic, limits=LIMITS)
    models = SurvivingModels(together, replicas, clock=time.monotonic)
    answers = await asyncio.gather(*(asked(models, float(n)) for n in range(10)))
    assert [one.values.tolist() for one in answers] == [[2.0 * n] for n in range(10)]
    assert died == [10]
    assert models.problems() == []


async def test_nobody_waits_for_their_turn_beyond_their_deadline(models, replicas):
    first = asyncio.create_task(asked(models, DEADLY))
    await turns_until(lambda: replicas.died)
    replicas.gate.clear()
    await turns_until(lambda: len(replicas.calls) == 2)
    with pytest.raises(DeadlineExceeded, match="no time to ask another one"):
        await asked(models, DEADLY, timeout_s=0.05)
    replicas.gate.set()
    with pytest.raises(RowsRefused):
        await first


async def test_what_is_known_is_kept_as_long_as_the_version_is_asked(models):
    with pytest.raises(RowsRefused):
        await asked(models, DEADLY)
    models.retire({"m@1"})
    assert models.problems()
    models.retire({"m@2"})
    assert models.problems() == []
