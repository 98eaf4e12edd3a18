"""Trials as tasks: the same numbers as here, and no trial takes another along."""

import numpy as np
import pandas as pd
import pytest

from serve_app.config.pipeline import PipelineSettings
from serve_app.engine.room import Share
from serve_app.lifecycle.dataset import dataset_of, write_snapshot
from serve_app.lifecycle.executor import InThisProcess, TrialRequest
from serve_app.lifecycle.fold_data import SPLIT_FILE, fold_data
from serve_app.lifecycle.split import split
from serve_app.lifecycle.steps import split_rule
from serve_app.models.training.estimators import Recipe
from serve_app.serving.offline import trial_tasks
from tests.unit.serving.offline.fake_ray import FakeRay

REQUESTS = [TrialRequest(n, Recipe("linear", "linear"), {"C": 0.1 * n}) for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    frame["y"] = (frame["a"] > 0).astype(int)
    given = {"pipeline": "p", "model": "m", "data": {"source": "x", "target": "y"}}
    settings = PipelineSettings.model_validate({**given, "validation": {"folds": 2}})
    write_snapshot(frame, folder)
    split(dataset_of(frame, settings).facts, split_rule(settings)).save(folder / SPLIT_FILE)
    return fold_data(settings, folder)


@pytest.fixture
def cluster(monkeypatch):
    made = FakeRay()
    monkeypatch.setattr(trial_tasks, "ray", made)
    # This process computes them itself here, and stays as nice as it is.
    monkeypatch.setattr(trial_tasks.os, "nice", lambda _: 0)
    return made


def outcomes(tasks, timeout_s=100.0, stop=lambda: False):
    return {one.number: one for one in tasks.run(REQUESTS, timeout_s, stop)}


def test_what_tasks_compute_is_what_is_computed_here(cluster, data):
    here = {one.number: one for one in InThisProcess(data).run(REQUESTS, 1.0, lambda: False)}
    given = outcomes(trial_tasks.TrialTasks(data, Share(0.5, memory_mb=800), 2))
    assert {n: one.by_fold for n, one in given.items()} == {
        n: one.by_fold for n, one in here.items()
    }
    assert all(one.error is None for one in given.values())
    assert cluster.puts == [data]
    (options,) = cluster.options
    assert (options["num_cpus"], options["memory"]) == (0.5, 800 * 1024 * 1024)
    assert options["max_retries"] == 0


def test_workers_import_what_this_process_does(cluster, data, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"own:{tmp_path / 'more'}")
    trial_tasks.TrialTasks(data, Share(0.5), 1)
    variables = cluster.options[0]["runtime_env"]["env_vars"]
    assert variables["PYTHONPATH"] == f"{tmp_path.resolve()}/own:{tmp_path.resolve()}/more"


def test_a_task_that_dies_or_is_late_fails_alone(cluster, data, monkeypatch):
    cluster.fates = {0: "dies", 1: "hangs"}
    seconds = iter(range(10_000))
    monkeypatch.setattr(trial_tasks.time, "monotonic", lambda: float(next(seconds)))
    given = outcomes(trial_tasks.TrialTasks(data, Share(0.5), 2), timeout_s=20.0)
    assert given[1].error.startswith("its process ended: ")
    assert "longer than search.trial_timeout_s, 20 s" in given[2].error
    assert (given[3].error, len(given[3].by_fold)) == (None, 2)
    assert len(cluster.cancelled) == 1


def test_a_search_that_is_stopped_ends_what_runs(cluster, data):
    cluster.fates = {0: "hangs", 1: "hangs"}
    looks = iter([False, True])
    given = outcomes(trial_tasks.TrialTasks(data, Share(0.5), 2), stop=lambda: next(looks))
    assert given == {}
    assert len(cluster.cancelled) == 2
