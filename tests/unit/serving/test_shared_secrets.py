"""Gateways on all machines have the secrets that control has, whatever is in their own folders."""

import asyncio

import pytest

from serve_app.control.distinct_rows import DistinctLedger
from serve_app.control.quotas import Ledger, Nowhere
from serve_app.core.caller import Caller
from serve_app.core.identifiers import PredictionIds
from serve_app.core.supervisor import Supervisor
from serve_app.engine.predict import Predictor
from serve_app.errors import InvalidInput, NotReady
from serve_app.serving.owned_predictions import mark_alike, mark_predictions
from serve_app.serving.quota_work import QuotaWork
from serve_app.serving.shared_secrets import (
    DISTINCT_ROWS,
    PAUSE_S,
    PERIOD_S,
    PREDICTION_IDS,
    drawn_secret,
    follow_secret,
)
from serve_app.storage.monitor_state import MonitorState

ADA = Caller("ada", "a")


class Over(Exception):
    """As many rounds as a test wants."""


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the work knows of nobody who waits
            await asyncio.sleep(0.01)


def control(folder):
    ledger = Ledger(Nowhere(), clock=lambda: 0.0, distinct=DistinctLedger())
    return QuotaWork(ledger, str(folder / "control"))


def predictor():
    return Predictor(clock=lambda: 0.0, ids=PredictionIds())


async def test_gateways_on_other_machines_know_whose_a_prediction_is(tmp_path):
    source = control(tmp_path)
    gateways = [predictor() for _ in range(2)]
    states = [str(tmp_path / name) for name in ("one", "other")]
    tasks = [Supervisor(clock=lambda: 0.0, words=str) for _ in gateways]
    for own, one, state in zip(tasks, gateways, states, strict=True):
        await mark_alike(own, one, state, source)
    one, other = gateways
    await until(lambda: one.gave(other._id_for(ADA), ADA) and other.gave(one._id_for(ADA), ADA))
    kept = MonitorState(states[1])
    await until(lambda: kept.load(PREDICTION_IDS) == MonitorState(states[0]).load(PREDICTION_IDS))
    for own in tasks:
        await own.close()
    # One that starts again while control is away still does.
    later = predictor()
    await mark_predictions(later, states[1])
    assert one.gave(later._id_for(ADA), ADA)


async def test_control_that_is_away_is_asked_again_soon_and_later_now_and_then(tmp_path):
    source, taken, slept = control(tmp_path), [], []

    class Away:
        async def shared_secret(self, name):
            if not slept:
                raise NotReady("control does not answer")
            return await source.shared_secret(name)

    async def take(secret):
        taken.append(secret)

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            raise Over

    with pytest.raises(Over):
        await follow_secret(Away(), DISTINCT_ROWS, take, sleep=sleep)()
    assert slept == [PAUSE_S, PERIOD_S, PERIOD_S]
    secret = await drawn_secret(str(tmp_path / "control"), DISTINCT_ROWS)
    assert taken == [bytes.fromhex(secret)] * 2
    assert len(taken[0]) == 32


async def test_other_values_of_the_state_store_are_no_secrets(tmp_path):
    with pytest.raises(InvalidInput, match="share no secret called 'monitor'"):
        await control(tmp_path).shared_secret("monitor")
