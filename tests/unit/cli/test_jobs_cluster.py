"""`serve-app jobs submit` and `train run --cluster` as people type them; Ray is a fake."""

import contextlib
import json
from types import SimpleNamespace

import pandas as pd
import pytest

from serve_app.cluster.node import Cluster
from serve_app.engine.room import NodeRoom
from serve_app.serving.offline import connection, shard_actors, trial_tasks
from tests.unit.serving.offline.fake_ray import FakeRay

SUBMIT = ("jobs", "submit", "logistic", "--data", "rows.csv", "--out", "out", "--shard-rows", "10")


@pytest.fixture
def here(_registered, tmp_path, monkeypatch):
    """A folder with a registry and 30 rows."""
    for path, content in _registered.items():
        file = tmp_path / "registry" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    frame = pd.DataFrame({"id": range(30), "age": range(30, 60), "dose": [2.0] * 30})
    frame["sick"] = ["yes" if row % 3 else "no" for row in range(30)]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cluster(monkeypatch):
    """A cluster with two free CPUs, whose workers are this process."""
    made = FakeRay()
    made.rooms = [NodeRoom(2.0, 2.0, 8e9, 8e9)]
    running = SimpleNamespace(address="127.0.0.1:6379", of_rays_commands={})
    monkeypatch.setattr(Cluster, "require", lambda _: running)
    monkeypatch.setattr(connection, "connected", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(connection, "rooms", lambda: made.rooms)
    for module in (shard_actors, trial_tasks):
        monkeypatch.setattr(module, "ray", made)
        monkeypatch.setattr("os.nice", lambda _: 0)
    return made


def test_a_job_is_answered_by_workers_of_the_cluster(serve_app, here, cluster):
    said = serve_app(*SUBMIT, "--id", "id", "--num-cpus", "0.5", "--json")
    status = json.loads(said.out)
    assert (said.code, status["state"], status["rows_ok"]) == (0, "SUCCEEDED", 30)
    table = pd.concat(pd.read_csv(file) for file in sorted((here / "out").glob("part-*")))
    assert table["id"].tolist() == list(range(30))
    assert cluster.options[0]["num_cpus"] == 0.5
    assert len(cluster.killed) == 2
    again = serve_app(*SUBMIT, "--id", "id")
    assert "was submitted before" in again.err


def test_no_room_is_said_before_anything_begins(serve_app, here, cluster):
    cluster.rooms = [NodeRoom(2.0, 0.1, 8e9, 8e9)]
    said = serve_app(*SUBMIT, "--num-cpus", "0.5")
    assert said.code == 1
    assert "a worker needs 0.5 CPU, 0.1 is free" in said.err
    assert cluster.options == []
    waited = serve_app(*SUBMIT, "--num-cpus", "0.5", "--wait", "--json")
    assert json.loads(waited.out)["state"] == "SUCCEEDED"


def test_less_room_than_wished_is_said(serve_app, here, cluster):
    cluster.rooms = [NodeRoom(2.0, 0.3, 8e9, 8e9)]
    said = serve_app(*SUBMIT)
    assert said.code == 0
    assert "1 of 2 workers have room" in said.err


def test_a_job_that_was_cancelled_goes_on_in_the_cluster(serve_app, here, cluster):
    cluster.rooms = []
    assert serve_app(*SUBMIT).code == 1
    (job,) = [one["job"] for one in json.loads(serve_app("jobs", "list", "--json").out)]
    assert "CANCELLED" in serve_app("jobs", "cancel", job).out
    cluster.rooms = [NodeRoom(2.0, 2.0, 8e9, 8e9)]
    said = serve_app("jobs", "resume", job, "--cluster", "--workers", "1", "--json")
    assert json.loads(said.out)["state"] == "SUCCEEDED"
    assert len(cluster.killed) == 1


def test_what_is_queued_is_worked_off(serve_app, here, cluster):
    cluster.rooms = []
    serve_app(*SUBMIT)
    said = serve_app("jobs", "work", "--once")
    assert said.code == 0
    assert "SUCCEEDED, 30 of 30 rows answered" in said.out
    assert cluster.options == []
    assert serve_app("jobs", "work", "--once").out == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["jobs", "submit", "logistic", "--data", "rows.csv"], "submit needs --out FOLDER"),
        (["jobs", "resume", "job-1", "--workers", "2"], "--workers goes with --cluster"),
        (["jobs", "work", "--wait"], "--wait goes with --cluster"),
        (["train", "run", "p.yaml", "--wait"], "--wait goes with --cluster"),
    ],
)
def test_a_line_that_lacks_something_is_a_usage_error(serve_app, here, cluster, line, words):
    (here / "p.yaml").write_text(PIPELINE)
    if "resume" in line:
        serve_app(*SUBMIT, "--json")
        line[2] = json.loads(serve_app("jobs", "list", "--json").out)[0]["job"]
    said = serve_app(*line)
    assert said.code == 2
    assert words in " ".join(said.err.split())


PIPELINE = """\
pipeline: sick
model: sick
data: {source: rows.csv, target: sick, drop: [id]}
validation: {kind: stratified, folds: 2}
candidates: [linear]
search: {trials: 2, parallel: 2, seed: 3}
resources: {num_cpus: 0.75, memory_mb: 300}
"""


def test_trials_are_tasks_with_what_the_pipeline_says(serve_app, here, cluster):
    (here / "p.yaml").write_text(PIPELINE)
    said = serve_app("train", "run", "p.yaml", "--cluster", "--json")
    result = json.loads(said.out)
    assert result["state"] == "SUCCEEDED"
    (options,) = cluster.options
    assert (options["num_cpus"], options["memory"]) == (0.75, 300 * 1024 * 1024)
    assert next(cluster.calls) == 2


def test_a_pipeline_without_room_begins_no_run(serve_app, here, cluster):
    (here / "p.yaml").write_text(PIPELINE)
    cluster.rooms = [NodeRoom(2.0, 0.1, 8e9, 8e9)]
    said = serve_app("train", "run", "p.yaml", "--cluster")
    assert said.code == 1
    assert "a worker needs 0.75 CPU and 300 MiB, 0.1 CPU and 7,629 MiB are free" in said.err
    assert json.loads(serve_app("train", "status", "--json").out) in ([], {"runs": []})
