"""Gateways have rows leased before they are used up, and go on while control is away."""

import asyncio

import pytest

from serve_app.control.quotas import Ledger
from serve_app.core.caller import Caller
from serve_app.errors import NotReady
from serve_app.security.quotas import Quotas
from serve_app.serving.quota_work import (
    PAUSE_S,
    PERIOD_S,
    QuotaWork,
    lease_for_ever,
    quota_work_of,
)
from serve_app.storage.quota_parts import QuotaParts

NOON_S = 20_000 * 86_400 + 43_200.0
ANN = Caller("ann")


class Over(Exception):
    """As many rounds as a test wants."""


class Control:
    def __init__(self, work):
        self.work, self.away, self.calls = work, False, 0

    async def lease(self, requests):
        self.calls += 1
        if self.away:
            raise NotReady("control does not answer")
        return await self.work.lease(requests)


async def rounds(quotas, control, number):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == number:
            raise Over

    with pytest.raises(Over):
        await lease_for_ever(quotas, control, sleep=sleep)()
    return slept


def work(state):
    return QuotaWork(Ledger(QuotaParts(state), clock=lambda: NOON_S))


async def test_rows_are_leased_once_they_are_few(tmp_path):
    control = Control(work(str(tmp_path / "state")))
    quotas = Quotas(clock=lambda: 0.0, allow_unknown=False)
    assert await rounds(quotas, control, 2) == [PERIOD_S] * 2
    assert control.calls == 0
    quotas.take(ANN, "a", 60, 10_000)
    await rounds(quotas, control, 3)
    assert control.calls == 1
    assert quotas.left(ANN, "a") == (9_940, 43_200)


async def test_control_that_is_away_is_asked_again_and_loses_nothing(tmp_path):
    state = str(tmp_path / "state")
    control = Control(work(state))
    control.away = True
    quotas = Quotas(clock=lambda: 0.0, allow_unknown=True)
    quotas.take(ANN, "a", 700, 1_000)
    assert await rounds(quotas, control, 2) == [PAUSE_S] * 2
    quotas.take(ANN, "a", 100, 1_000)
    control.away = False
    await rounds(quotas, control, 1)
    assert quotas.left(ANN, "a") == (200, 43_200)
    # Control that starts anew has it in the state store.
    control.work, other = work(state), Quotas(clock=lambda: 0.0, allow_unknown=True)
    other.take(ANN, "a", 50, 1_000)
    await rounds(other, control, 1)
    assert other.left(ANN, "a") == (0, 43_200) or other.left(ANN, "a")[0] <= 100


async def test_several_gateways_at_once_are_leased_one_after_the_other(tmp_path):
    one = quota_work_of(str(tmp_path / "state"))
    quotas = [Quotas(clock=lambda: 0.0, allow_unknown=True) for _ in range(8)]
    for each in quotas:
        each.take(ANN, "a", 10, 10_000)
    leases = await asyncio.gather(*(one.lease(each.wanted()) for each in quotas))
    assert sorted(each.leases[0].left for each in leases) == [
        10_000 - 110 * number for number in range(8, 0, -1)
    ]
