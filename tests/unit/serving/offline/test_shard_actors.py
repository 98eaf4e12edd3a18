"""Actors answer shards: what Ray says of them is what the pool hears."""

import pytest

from serve_app.batch.job import Job, JobOptions
from serve_app.batch.shards import Shard
from serve_app.config.registry import RegistrySettings
from serve_app.engine.batch.pool import Lost
from serve_app.engine.batch.worker import ShardOutcome, ShardRequest, WorkerSpec
from serve_app.engine.room import Share
from serve_app.serving.offline import shard_actors
from tests.unit.serving.offline.fake_ray import FakeRay

REQUEST = ShardRequest(Shard(0, 0, 0, 10, 0, 100), 1)


@pytest.fixture
def cluster(monkeypatch):
    made = FakeRay()
    monkeypatch.setattr(shard_actors, "ray", made)
    return made


@pytest.fixture
def spec(tmp_path):
    job = Job("m@1", "digest", (), str(tmp_path / "nowhere"), JobOptions())
    return WorkerSpec("job-1", job, RegistrySettings(url="memory://none"), niceness=0)


def test_an_actor_has_its_share_and_is_never_started_again(cluster, spec):
    shard_actors.ShardActors(spec, Share(0.25, memory_mb=2))
    (options,) = cluster.options
    assert (options["num_cpus"], options["memory"]) == (0.25, 2 * 1024 * 1024)
    assert (options["max_restarts"], options["max_task_retries"]) == (0, 0)
    assert options["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "1"


def test_what_an_actor_answers_is_the_outcome(cluster, spec):
    actors = shard_actors.ShardActors(spec, Share(0.25))
    worker = actors.start()
    actors.ask(worker, REQUEST)
    ((who, outcome),) = actors.outcomes(0.1)
    assert who is worker
    assert "a disk that all nodes of the cluster see" in outcome.ended
    assert actors.outcomes(0.01) == []


@pytest.mark.parametrize("has_room", [True, False])
def test_an_actor_has_begun_once_there_was_room_for_it(cluster, spec, has_room):
    cluster.has_room = has_room
    actors = shard_actors.ShardActors(spec, Share(0.25))
    assert actors.has_begun(actors.start()) is has_room


@pytest.mark.parametrize(("fate", "kind"), [("dies", Lost), ("raises", ShardOutcome)])
def test_a_death_is_a_loss_and_an_error_a_failure(cluster, spec, fate, kind):
    cluster.fates = {0: fate}
    actors = shard_actors.ShardActors(spec, Share(0.25))
    worker = actors.start()
    actors.ask(worker, REQUEST)
    ((_, outcome),) = actors.outcomes(0.1)
    assert isinstance(outcome, kind)
    if isinstance(outcome, ShardOutcome):
        assert "no space left" in outcome.failed
    else:
        assert outcome.reason.startswith("its process ended: ")


def test_an_actor_that_is_ended_is_killed_and_nothing_is_heard_of_it(cluster, spec):
    cluster.fates = {0: "hangs"}
    actors = shard_actors.ShardActors(spec, Share(0.25))
    worker = actors.start()
    actors.ask(worker, REQUEST)
    assert actors.outcomes(0.01) == []
    actors.end(worker)
    assert cluster.killed == [worker]
    assert actors.outcomes(0.01) == []
