"""What Serve hears from a replica that scales by load, and what it may tell it."""

from dataclasses import replace

import pytest
from ray.serve._private.common import RUNNING_REQUESTS_KEY

from serve_app.core.workload import Load
from serve_app.errors import ConfigError
from serve_app.serving.scaled import Scaled


class Exported(dict):
    """Remembers what was exported, by the name of the metric."""

    def export(self, samples):
        self.update({(one.metric.name, *one.labels): one.value for one in samples})


class Replica(Scaled):
    def __init__(self):
        self._exporter = Exported()
        self._load_name = "a@1"

    def _read_load(self):
        return Load(busy=0.5, waiting_requests=2.0, wait_ms=3.0, call_ms=4.0, calls=5)


async def test_the_load_is_numbers_by_name_as_serve_wants_them():
    replica = Replica()
    assert await replica.record_autoscaling_stats() == {
        "busy": 0.5, "waiting_requests": 2.0, "wait_ms": 3.0, "call_ms": 4.0, "calls": 5.0,
    }  # fmt: skip
    assert replica._exporter["serve_app_busy_ratio", "a@1"] == 0.5
    assert replica._exporter["serve_app_wait_seconds", "a@1"] == 0.003
    assert replica._exporter["serve_app_waiting_requests", "a@1"] == 2.0


async def test_requests_that_a_replica_counts_itself_stand_in_the_place_of_serves():
    counted = replace(Replica()._read_load(), ongoing_requests=2.5)
    replica = Replica()
    replica._read_load = lambda: counted
    told = await replica.record_autoscaling_stats()
    assert told[RUNNING_REQUESTS_KEY] == 2.5
    assert replica._exporter["serve_app_ongoing_requests", "a@1"] == 2.5


async def test_targets_that_cannot_be_read_are_refused():
    await Replica().reconfigure({"target_busy": 0.5})
    with pytest.raises(ConfigError, match="target_busy"):
        await Replica().reconfigure({"target_busy": 5})
