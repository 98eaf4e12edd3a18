"""`serve-app monitor` says where things are, what fires, and what to do."""

import json

import pytest

from serve_app.cluster.monitor import Monitor, MonitorOptions
from serve_app.cluster.node import Cluster
from tests.ports import free_port
from tests.unit.cluster import watchers


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A state folder whose cluster is watched, by programs that stand in for the real ones."""
    state, port = tmp_path / "state", free_port()
    running = watchers.running(state, port)
    monkeypatch.setattr(Cluster, "require", lambda _: running)
    monkeypatch.setenv("PATH", str(tmp_path))
    options = MonitorOptions(prometheus=watchers.program(tmp_path / "prometheus"))
    Monitor(state).up(running, options)
    yield state, port
    Cluster(state).stop()


def test_nothing_is_watched_where_no_cluster_runs(serve_app, tmp_path):
    said = serve_app("monitor", "up", "--state", tmp_path)
    assert said.code == 1
    assert "start it with: serve-app cluster start" in said.err
    said = serve_app("monitor", "status", "--state", tmp_path)
    assert (said.code, said.out) == (1, "")
    assert "start it with: serve-app monitor up" in said.err
    said = serve_app("monitor", "status", "--state", tmp_path, "--json")
    assert (said.code, json.loads(said.out)) == (1, {"running": False})
    assert "nothing was running" in serve_app("monitor", "down", "--state", tmp_path).out


def test_it_says_where_prometheus_is_and_that_grafana_is_not(serve_app, watched):
    state, port = watched
    said = serve_app("monitor", "up", "--state", state)
    assert f"http://127.0.0.1:{port}" in said.out
    assert "is not installed; install it, or import" in said.out
    assert "Ray dashboard" not in said.out
    body = json.loads(serve_app("monitor", "up", "--state", state, "--json").out)
    assert body["prometheus"] == f"http://127.0.0.1:{port}"
    assert body["grafana"] is None


def test_another_port_is_said_with_what_to_do(serve_app, watched, monkeypatch):
    state, port = watched
    monkeypatch.setattr(Cluster, "require", lambda _: watchers.running(state, 9090))
    said = serve_app("monitor", "up", "--state", state)
    assert f"serve-app cluster start --prometheus-port {port}" in said.out


def test_targets_and_alerts_are_shown(serve_app, watched):
    state, _ = watched
    said = serve_app("monitor", "status", "--state", state)
    assert said.code == 0
    for shown in ("http://127.0.0.1:1/metrics", "QueueGrowing", "30 requests wait for a@1"):
        assert shown in said.out
    body = json.loads(serve_app("monitor", "status", "--state", state, "--json").out)
    assert body["running"] is True
    assert body["targets"] == [{"job": "ray", "url": "http://127.0.0.1:1/metrics", "health": "up"}]
    assert body["alerts"][0]["alert"] == "QueueGrowing"


def test_down_counts_what_it_stopped(serve_app, watched):
    state, _ = watched
    assert "stopped 1 processes" in serve_app("monitor", "down", "--state", state).out
