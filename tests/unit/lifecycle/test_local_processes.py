"""Processes compute trials; one that dies, hangs or cannot begin takes no other along."""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serve_app.config.pipeline import PipelineSettings
from serve_app.errors import ConfigError
from serve_app.lifecycle.dataset import dataset_of, write_snapshot
from serve_app.lifecycle.executor import InThisProcess, TrialRequest
from serve_app.lifecycle.fold_data import SPLIT_FILE, FoldPlace, fold_data
from serve_app.lifecycle.local_processes import LocalProcesses
from serve_app.lifecycle.spec import body_of
from serve_app.lifecycle.split import split
from serve_app.lifecycle.steps import split_rule
from serve_app.models.training.estimators import Recipe

OWN = """
import os, signal, time
from sklearn.dummy import DummyClassifier

class Dying(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        os.kill(os.getpid(), signal.SIGKILL)

class Hanging(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        time.sleep(600)

class Failing(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        raise ArithmeticError("the matrix is singular")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.normal(size=90)})
    frame["y"] = (frame["a"] > 0).astype(int)
    given = {"pipeline": "p", "model": "m", "data": {"source": "x", "target": "y"}}
    settings = PipelineSettings.model_validate(given)
    write_snapshot(frame, folder)
    split(dataset_of(frame, settings).facts, split_rule(settings)).save(folder / SPLIT_FILE)
    return FoldPlace(str(folder), body_of(settings)), settings


@pytest.fixture
def processes(place, tmp_path, monkeypatch):
    (tmp_path / "own_estimators.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = LocalProcesses(place[0], 2)
    yield made
    made.close()


def own(number, name):
    return TrialRequest(number, Recipe(name, f"own_estimators:{name}"), {})


LINEAR = TrialRequest(7, Recipe("linear", "linear"), {"C": 0.5})


def outcomes(processes, requests, timeout_s=100.0):
    return {one.number: one for one in processes.run(requests, timeout_s, lambda: False)}


def test_what_processes_compute_is_what_is_computed_here(place, processes):
    here = InThisProcess(fold_data(place[1], Path(place[0].folder)))
    (wanted,) = here.run([LINEAR], 1.0, lambda: False)
    given = outcomes(processes, [LINEAR])[7]
    assert (given.by_fold, given.error) == (wanted.by_fold, None)
    assert given.seconds >= given.fit_s > 0


def test_a_trial_that_kills_its_process_or_raises_has_failed_and_others_go_on(processes):
    given = outcomes(processes, [own(0, "Dying"), own(1, "Failing"), LINEAR])
    assert "signal 9; perhaps the machine was out of memory" in given[0].error
    assert "Traceback" in given[1].error
    assert "the matrix is singular" in given[1].error
    assert len(given[7].by_fold) == 5


def test_a_trial_that_hangs_is_ended(processes):
    outcomes(processes, [LINEAR])
    began = time.monotonic()
    given = outcomes(processes, [own(0, "Hanging")], timeout_s=0.5)
    assert "longer than search.trial_timeout_s, 0.5 s" in given[0].error
    assert time.monotonic() - began < 60


def test_who_stops_a_search_ends_its_processes(processes):
    outcomes(processes, [LINEAR])
    pids = [worker.process.pid for worker in processes._workers]
    assert list(processes.run([own(0, "Hanging")], 600.0, lambda: True)) == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_data_that_cannot_be_read_is_an_error_of_the_run(place, tmp_path):
    processes = LocalProcesses(FoldPlace(str(tmp_path), place[0].body), 1)
    with pytest.raises(ConfigError, match="cannot read the run's data"):
        list(processes.run([LINEAR], 10.0, lambda: False))
    processes.close()
