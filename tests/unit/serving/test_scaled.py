"""What Serve hears from a replica that scales by load, and what it may tell it."""

import pytest

from serve_app.core.workload import Load
from serve_app.errors import ConfigError
from serve_app.serving.scaled import Scaled


class Seen(list):
    tell = list.append


class Replica(Scaled):
    def __init__(self):
        self._load_metrics = Seen()

    def _read_load(self):
        return Load(busy=0.5, waiting_requests=2.0, wait_ms=3.0, call_ms=4.0, calls=5)


async def test_the_load_is_numbers_by_name_as_serve_wants_them():
    replica = Replica()
    assert await replica.record_autoscaling_stats() == {
        "busy": 0.5, "waiting_requests": 2.0, "wait_ms": 3.0, "call_ms": 4.0, "calls": 5.0,
    }  # fmt: skip
    assert [load.busy for load in replica._load_metrics] == [0.5]


async def test_targets_that_cannot_be_read_are_refused():
    await Replica().reconfigure({"target_busy": 0.5})
    with pytest.raises(ConfigError, match="target_busy"):
        await Replica().reconfigure({"target_busy": 5})
