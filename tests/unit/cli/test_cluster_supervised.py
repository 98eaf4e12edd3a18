"""What people see of who looks after a cluster, and what `--resume` deploys."""

import json
import os

import psutil
import pytest

from serve_app.cli import cluster_supervised
from serve_app.cluster.kept_config import KeptConfig
from serve_app.cluster.node import Cluster
from serve_app.cluster.node_supervisor import NodeSupervisor
from serve_app.cluster.supervision import Supervision, write_supervision

BACK = {"restarts": 2, "last_at_s": 1_795_000_000.0, "last_took_s": 31.5, "last_why": "x ended"}


@pytest.fixture
def here(tmp_path):
    cluster = Cluster(tmp_path)

    def supervised(**given):
        process = psutil.Process(os.getpid())
        write_supervision(
            cluster.supervision, Supervision(process.pid, process.create_time(), **given)
        )
        return cluster

    return supervised


def test_nothing_is_shown_where_nobody_looks_after_it(tmp_path):
    assert cluster_supervised.known(Cluster(tmp_path)) == {}


def test_what_became_of_the_last_fault_is_shown(here):
    assert cluster_supervised.known(here(**BACK)) == {
        "supervisor": "watching",
        "restarts": 2,
        "last_restart": "2026-11-18 11:06:40, in 31.5 s: x ended",
    }


def test_a_cluster_that_is_being_brought_back_does_not_run_and_says_why(here, serve_app, tmp_path):
    here(phase="restarting", last_why="Ray's raylet ended", trouble="port 8000 is taken")
    words = "restarting: since Ray's raylet ended: port 8000 is taken"
    said = serve_app("cluster", "status", "--state", tmp_path)
    assert said.code != 0
    assert f"brought back: {words}" in said.err
    said = serve_app("cluster", "status", "--state", tmp_path, "--json")
    assert said.code == 1
    assert json.loads(said.out) == {"running": False, "supervisor": words, "restarts": 0}


def test_a_node_that_joined_runs_and_says_where(here, serve_app, tmp_path, monkeypatch):
    cluster = here(**BACK)
    (tmp_path / "node.json").write_text(json.dumps({"address": "10.0.0.1:6379"}))
    assert json.loads(serve_app("cluster", "status", "--state", tmp_path, "--json").out) == {
        "running": False, "supervisor": "watching", "restarts": 2,
        "last_restart": "2026-11-18 11:06:40, in 31.5 s: x ended",
    }  # fmt: skip
    monkeypatch.setattr(Cluster, "has_joined", lambda _: True)
    said = serve_app("cluster", "status", "--state", tmp_path, "--json")
    shown = json.loads(said.out)
    assert (said.code, shown["running"], shown["joined"]) == (0, True, "10.0.0.1:6379")
    assert shown["supervisor"] == "watching"
    assert isinstance(cluster_supervised.looking_after(cluster, tmp_path)(), NodeSupervisor)


def test_what_ends_with_ray_cannot_come_back(serve_app, tmp_path):
    line = ("cluster", "join", "10.0.0.1:6379", "--state", tmp_path, "--no-token")
    said = serve_app(*line, "--supervise", "--end-with-ray")
    assert (said.code, "exclude each other" in said.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_what_was_deployed_last_is_resumed(tmp_path):
    assert cluster_supervised.kept(tmp_path) is None
    KeptConfig(tmp_path).keep({"applications": [{"name": "gateway"}]})
    assert cluster_supervised.kept(tmp_path) == tmp_path / "deployed.yaml"
    KeptConfig(tmp_path).keep({"applications": []})
    assert cluster_supervised.kept(tmp_path) is None


def test_nobody_looks_after_what_does_not_run(serve_app, tmp_path):
    said = serve_app("cluster", "supervise", "--state", tmp_path)
    assert said.code != 0
    assert "serve-app cluster start" in said.err
