"""A version that hangs holds up the first requests, and no others."""

import numpy as np
import pytest

from serve_app.core.breaker import FAILURES
from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.engine.breaking import BreakingModels
from serve_app.errors import DeadlineExceeded, ModelFailed, NotReady, Overloaded
from serve_app.tasks import task_named

PREDICT = task_named("predict")
ROWS = Columns.from_block(["x"], np.zeros((1, 1)))


class House:
    """Models, one of which hangs, at a time that their silence makes pass."""

    def __init__(self):
        self.now_s = 100.0
        self.asked = []
        self.error = {}
        self.models = BreakingModels(self, clock=lambda: self.now_s)

    async def ask(self, version, task, columns, deadline):
        self.asked.append(version)
        if version == "hangs@1":
            self.now_s = deadline
            raise DeadlineExceeded("hangs@1 did not answer in time")
        if version in self.error:
            raise self.error[version]
        return Prediction(np.ones(1))

    async def request(self, version, timeout_s=2.0):
        return await self.models.ask(version, PREDICT, ROWS, self.now_s + timeout_s)


@pytest.fixture
def house():
    return House()


async def hang(house, times=FAILURES, timeout_s=2.0):
    for _ in range(times):
        with pytest.raises(DeadlineExceeded):
            await house.request("hangs@1", timeout_s)


async def test_after_several_silences_requests_fail_at_once_and_are_told_when_to_come(house):
    await hang(house)
    before, house.asked = house.now_s, []
    for _ in range(50):
        with pytest.raises(NotReady, match="does not answer at present") as caught:
            await house.request("hangs@1")
    assert (house.now_s, house.asked) == (before, [])
    assert 0 < caught.value.details["retry_after_s"] <= 0.5
    assert house.models.problems() == [
        "hangs@1 does not answer: it is asked now and then, and others answer for it"
    ]


async def test_other_versions_are_asked_as_ever(house):
    await hang(house)
    assert (await house.request("m@1")).values.tolist() == [1.0]


async def test_with_its_first_answer_everything_is_as_it_was(house):
    await hang(house)
    house.now_s += 1.0
    house.models._models = Answering()
    assert (await house.request("hangs@1")).values.tolist() == [1.0]
    assert house.models.problems() == []
    house.models._models = house
    await hang(house, FAILURES - 1)
    assert house.models.problems() == []


class Answering:
    async def ask(self, version, task, columns, deadline):
        return Prediction(np.ones(1))


async def test_short_patience_of_one_client_is_no_silence(house):
    await hang(house, 50, timeout_s=0.2)
    await hang(house, 1)


@pytest.mark.parametrize("error", [ModelFailed("it failed"), NotReady("none there")])
async def test_an_error_is_an_answer(house, error):
    await hang(house, FAILURES - 1)
    house.models._models, hanging = Failing(error), house
    with pytest.raises(type(error)):
        await house.request("hangs@1")
    house.models._models = hanging
    await hang(house, FAILURES - 1)
    assert house.models.problems() == []


class Failing:
    def __init__(self, error):
        self._error = error

    async def ask(self, version, task, columns, deadline):
        raise self._error


async def test_an_overload_says_nothing_of_who_would_answer(house):
    await hang(house, FAILURES - 1)
    hanging, house.models._models = house, Failing(Overloaded("full"))
    for _ in range(9):
        with pytest.raises(Overloaded):
            await house.request("hangs@1")
    house.models._models = hanging
    await hang(house, 1)
    assert house.models.problems()


async def test_versions_that_nobody_asks_any_more_are_forgotten(house):
    await hang(house)
    house.models.retire({"m@1"})
    assert house.models.problems() == []
