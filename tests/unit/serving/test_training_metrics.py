"""Control counts runs of training by what is written of them, until it cannot read that."""

import asyncio

import pytest

from serve_app.core.events import Event
from serve_app.errors import RegistryFailed
from serve_app.serving.training_metrics import TrainingMetrics

AFTER = {"model": "churn", "state": "SUCCEEDED", "seconds": 2.0, "trials": 5, "failed_trials": 0}


class Log:
    def __init__(self):
        self.fails = False

    def newest(self, limit, *, kind):
        if self.fails:
            raise RegistryFailed("the database is away")
        if kind == "training":
            return [Event(9.0, "ada", "training", "churn-1", after=AFTER)]
        return [Event(9.0, "retraining", "retraining", "churn-r1", after="PROMOTED")]


async def test_what_was_read_last_goes_on():
    log = Log()
    metrics = TrainingMetrics(log)
    assert list(metrics.samples()) == []
    task = asyncio.create_task(metrics.run())
    await asyncio.wait([task], timeout=0.2)
    task.cancel()
    seen = {one.metric.name for one in metrics.samples()}
    assert {"serve_app_training_runs", "serve_app_retraining_runs"} <= seen
    log.fails = True
    with pytest.raises(RegistryFailed):
        await metrics.run()
    assert {one.metric.name for one in metrics.samples()} == seen
