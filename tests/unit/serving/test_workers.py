"""How many threads a replica computes with follows what is reserved for it."""

import asyncio
import threading
import time

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.lanes import Lanes
from serve_app.core.ongoing import Ongoing
from serve_app.core.pace import Pace
from serve_app.core.workload import Workload
from serve_app.errors import NotReady
from serve_app.serving.workers import STALLED_S, ModelReplica, compute_threads


@pytest.mark.parametrize(
    ("cpus", "threads"), [(0, 1), (0.2, 1), (1, 1), (1.9, 1), (2, 2), (2.5, 2), (3.0, 3), (16, 16)]
)
def test_there_is_one_thread_below_two_cpus_and_one_per_whole_cpu_from_two_on(cpus, threads):
    assert compute_threads(cpus) == threads


class Endless:
    """A model that computes until a test lets it end."""

    def __init__(self):
        self.began, self.ends = threading.Event(), threading.Event()

    def ask(self, task, columns):
        self.began.set()
        self.ends.wait(30)
        return columns.rows


class Bare(ModelReplica):
    """A replica without what Serve does at its end."""

    def __del__(self):
        pass


class Holds:
    """Holds one model, whatever is asked for."""

    def __init__(self, model, *, compiled):
        self.model, self.compiled = model, compiled

    async def version(self, _):
        return self

    def manifests(self):
        return []


def holding(model, *, compiled=False, clock=time.monotonic):
    """A replica that holds a model."""
    replica = object.__new__(Bare)
    replica._holding = Holds(model, compiled=compiled)
    replica._lanes, replica._reference = Lanes("model"), "a@1"
    replica._workload, replica._ongoing = Workload(clock=clock), Ongoing(clock=clock)
    replica._pace, replica._in_lanes = Pace(), 0
    replica._exporter = replica._telemetry = Nobody()
    return replica


class Nobody:
    """Takes samples, and has none."""

    def export(self, samples):
        list(samples)

    def samples(self):
        return []


class Where:
    """A model that says in which thread it computed, and computes for as long as it is told."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def ask(self, task, columns):
        until_s = time.thread_time() + self.seconds
        while time.thread_time() < until_s:
            pass
        return threading.current_thread().name


async def threads_of(replica, *, rows=1, times=3, ask=Bare._answer_here):
    columns = Columns.of({"x": np.zeros(rows)})
    return [await ask(replica, "a@1", "predict", columns) for _ in range(times)]


async def test_what_is_compiled_and_short_computes_where_it_is_asked_once_that_was_measured():
    replica = holding(Where(), compiled=True)
    here = threading.current_thread().name
    first, *others = await threads_of(replica)
    assert first != here
    assert others == [here, here]
    assert here not in await threads_of(replica, rows=100)
    assert here not in await threads_of(replica, ask=Bare.ask), "Serve counts what waits"
    assert replica._workload.read().calls == 9
    assert replica._ongoing.now == 0
    replica._lanes.shutdown()


@pytest.mark.parametrize(
    "replica_of",
    [lambda: holding(Where()), lambda: holding(Where(seconds=0.005), compiled=True)],
)
async def test_what_may_hang_or_takes_long_computes_in_a_thread(replica_of):
    replica = replica_of()
    assert threading.current_thread().name not in await threads_of(replica)
    replica._lanes.shutdown()


async def test_a_computation_that_goes_on_after_everybody_gave_up_fails_the_health_check():
    now_s = 50.0
    replica = holding(endless := Endless(), clock=lambda: now_s)
    asked = asyncio.create_task(replica.ask("a@1", "predict", Columns.of({"x": np.zeros(3)})))
    assert await asyncio.to_thread(endless.began.wait, 30)
    now_s += 600.0
    # It takes long, and somebody waits for it.
    await replica.check_health()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    now_s += STALLED_S
    await replica.check_health()
    now_s += 1.0
    with pytest.raises(NotReady, match="a@1 has computed for 11 s since whoever asked gave up"):
        await replica.check_health()
    endless.ends.set()
    replica._lanes.shutdown()
    await replica.check_health()
