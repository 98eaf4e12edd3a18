"""What can be known of a cluster without starting one."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from serve_app.cluster import commands, node
from serve_app.cluster.draining import Patience
from serve_app.cluster.environment import (
    MARK_VARIABLE,
    Ports,
    python_path,
    variables,
)
from serve_app.cluster.head_watch import HeadWatch
from serve_app.cluster.node import Cluster, NodeOptions, Running
from serve_app.cluster.port_checks import require_free
from serve_app.errors import Conflict, InvalidInput, NotReady, ServerFault
from tests.ports import free_port


@pytest.fixture
def taken():
    """A port that this process holds."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def test_a_taken_port_is_named_with_its_purpose_and_owner_and_nothing_is_left(tmp_path, taken):
    cluster = Cluster(tmp_path / "state")
    ports = Ports(http=free_port(), dashboard=taken, first=30_500)
    with pytest.raises(Conflict) as caught:
        cluster.start(NodeOptions(ports=ports, home=tmp_path))
    said = caught.value.message
    assert f"port {taken} (Ray dashboard) is taken by process {os.getpid()}" in said
    assert "--dashboard-port" in said
    assert not (tmp_path / "state").exists()
    assert not list(cluster.processes())


def test_an_address_of_another_machine_is_said(tmp_path):
    options = NodeOptions(
        ports=Ports(http=free_port(), first=30_520), home=tmp_path, node_ip="192.0.2.77"
    )
    with pytest.raises(InvalidInput, match="--node-ip"):
        Cluster(tmp_path / "state").start(options)


def test_nothing_runs_before_it_is_started(tmp_path):
    cluster = Cluster(tmp_path)
    assert cluster.running() is None
    assert cluster.stop() == 0
    with pytest.raises(NotReady, match="serve-app cluster start"):
        cluster.require()


def test_processes_are_found_by_the_mark_that_they_were_started_with(tmp_path):
    ours, others = Cluster(tmp_path / "ours"), Cluster(tmp_path / "others")
    environment = {**os.environ, MARK_VARIABLE: str(ours._folder)}
    process = subprocess.Popen(["sleep", "60"], env=environment)
    try:
        assert [found.pid for found in ours.processes()] == [process.pid]
        assert others.stop() == 0
        assert process.poll() is None
        assert ours.stop() == 1
        assert not psutil.pid_exists(process.pid)
    finally:
        process.kill()
        process.wait()


def test_who_takes_its_environment_from_a_running_cluster_is_not_of_it(tmp_path, monkeypatch):
    cluster = Cluster(tmp_path)
    monkeypatch.setattr(Cluster, "_head_lives", lambda _: True)
    environment = {"SERVE_APP_HOME": "/x", MARK_VARIABLE: str(cluster._folder)}
    body = {"folder": str(cluster._folder), "http_port": 1, "dashboard_port": 2, "stats_port": 3}
    body |= {"gcs_port": 4, "node_ip": "127.0.0.1", "environment": environment}
    (tmp_path / "cluster.json").write_text(json.dumps(body))
    assert cluster.running().environment == {"SERVE_APP_HOME": "/x"}
    (tmp_path / "cluster.json").write_text('{"environment": 3}')
    with pytest.raises(ServerFault, match="is damaged"):
        cluster.running()


def test_what_never_joined_hands_nothing_over(tmp_path):
    heard = []
    assert Cluster(tmp_path).hand_over(Patience(1.0, heard.append)) is None
    assert heard == []


def test_a_node_that_joined_hands_over_to_the_cluster_that_it_joined(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(node, "hand_over", lambda *given: calls.append(given) or "no room")
    body = {"address": "10.0.0.1:6379", "environment": {"A": "b"}, "session": 7}
    (tmp_path / "node.json").write_text(json.dumps(body))
    cluster, patience = Cluster(tmp_path), Patience(1.0, str)
    assert cluster.hand_over(patience) == "no room"
    assert calls == [(cluster.processes, "10.0.0.1:6379", {"A": "b"}, patience)]
    assert cluster.stop() == 0
    assert cluster.hand_over(patience) is None


def test_the_environment_is_text_and_keeps_everything_below_the_clusters_folder(tmp_path):
    made = variables(folder=tmp_path, home=tmp_path / "home", ports=Ports(), drain_s=2.0)
    assert all(isinstance(value, str) for value in made.values())
    for name in ("CONFIG_FILE_LOC", "SOCKET_PATH", "SERVER_STATE_BASE", "BINARY_PATH"):
        assert made[f"RAY_SERVE_HAPROXY_{name}"].startswith(str(tmp_path))
    assert made["RAY_SERVE_ENABLE_HA_PROXY"] == made["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"


def test_with_a_token_ray_answers_those_alone_who_have_it(tmp_path):
    folders = {"folder": tmp_path, "home": tmp_path, "ports": Ports(), "drain_s": 2.0}
    assert variables(**folders)["RAY_AUTH_MODE"] == "disabled"
    made = variables(**folders, token=tmp_path / "a" / ".." / "token")
    assert made["RAY_AUTH_MODE"] == "token"
    assert made["RAY_AUTH_TOKEN_PATH"] == str(tmp_path.resolve() / "token")
    assert set(variables(**folders)) < set(made)


def test_a_head_that_keeps_what_it_knows_in_redis_needs_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_REDIS_ADDRESS", "127.0.0.1:6379")
    folders = {"folder": tmp_path, "home": tmp_path, "ports": Ports(), "drain_s": 2.0}
    assert variables(**folders, head=tmp_path / "gcs") == variables(**folders)


def test_a_head_keeps_what_it_knows_in_a_folder_if_it_has_one(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_REDIS_ADDRESS", raising=False)
    folders = {"folder": tmp_path, "home": tmp_path, "ports": Ports(), "drain_s": 2.0}
    before = variables(**folders)
    made = variables(**folders, head=tmp_path / "gcs")
    assert {name: made[name] for name in set(made) - set(before)} == {
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": str(tmp_path / "gcs"),
    }


def test_the_dashboard_of_a_cluster_with_a_token_is_shown_it(tmp_path):
    running = Running(tmp_path, 1, 2, 3, 4, "127.0.0.1", {"RAY_AUTH_TOKEN_PATH": "/t"})
    assert running.dashboard.token == Path("/t")
    assert Running(tmp_path, 1, 2, 3, 4, "127.0.0.1", {}).dashboard.token is None


@pytest.fixture
def raylet(tmp_path):
    """A process that is called as Ray's is, of the cluster of the folder `state`."""
    program = tmp_path / "raylet" / "raylet"
    program.parent.mkdir()
    shutil.copy(shutil.which("sleep"), program)
    mark = str(Cluster(tmp_path / "state")._folder)
    process = subprocess.Popen([program, "60"], env={**os.environ, MARK_VARIABLE: mark})
    yield process
    process.kill()
    process.wait()


def test_what_ray_leaves_of_a_node_ends_once_its_ray_was_ended(tmp_path, monkeypatch, raylet):
    cluster = Cluster(tmp_path / "state")
    left = subprocess.Popen(
        ["sleep", "60"], env={**os.environ, MARK_VARIABLE: str(cluster._folder)}
    )
    waiting = threading.Thread(target=cluster.wait_for_end_of_ray, args=(HeadWatch(),))
    waiting.start()
    assert waiting.is_alive()
    raylet.kill()
    raylet.wait()
    waiting.join(20)
    assert not waiting.is_alive()
    assert cluster.stop() == 1
    left.wait()


def test_a_node_that_joined_ends_with_the_head_though_its_own_ray_lives(tmp_path, raylet):
    cluster = Cluster(tmp_path / "state")
    cluster._state.mkdir()
    cluster._joined.write_text(json.dumps({"address": f"127.0.0.1:{free_port()}"}))
    cluster.wait_for_end_of_ray(HeadWatch(patience_s=0.0), every_s=0.01)
    assert raylet.poll() is None


def test_who_waits_for_the_end_of_ray_is_of_the_node_and_ends_with_it(tmp_path, monkeypatch):
    program = tmp_path / "serve-app"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nexec sleep 60\n')
    program.chmod(0o755)
    monkeypatch.setattr(commands, "script", lambda _: str(program))
    cluster = Cluster(tmp_path / "state")
    commands.stop_once_ray_ended(cluster._state, str(cluster._folder))
    deadline_s = time.monotonic() + 20
    while not (tmp_path / "said").exists() or not cluster.processes():
        assert time.monotonic() < deadline_s
    said = (tmp_path / "said").read_text().split()
    assert said[:3] == ["cluster", "stop", "--once-ray-ended"]
    assert said[-1] == str(cluster._state)
    assert cluster.stop() == 1


def test_ports_are_a_row_and_none_is_used_twice():
    ports = Ports(http=1, dashboard=2, first=10)
    every = ports.of_the_head()
    assert sorted(every.values()) == [1, 2, *range(10, 21)]
    assert ports.of_every_node().items() <= every.items()


def test_clusters_of_one_machine_have_own_ports_for_all_that_ray_tells_of_itself(tmp_path):
    one, other = (
        variables(folder=tmp_path, home=tmp_path, ports=Ports(http=1, first=first), drain_s=1.0)
        for first in (20_000, 20_011)
    )
    ports = [name for name in one if name.endswith("_PORT")]
    assert {"AUTOSCALER_METRIC_PORT", "DASHBOARD_METRIC_PORT"} < set(ports)
    same = [name for name in ports if one[name] == other[name]]
    assert same == ["RAY_SERVE_WORKER_PROXY_HTTP_PORT"]


def test_a_port_that_would_be_taken_twice_is_refused_with_both_purposes():
    ports = Ports(http=30_607, dashboard=free_port(), first=30_600).of_the_head()
    with pytest.raises(InvalidInput, match=r"30607 would be taken twice, for .* and for ") as told:
        require_free("127.0.0.1", ports)
    assert "HTTP" in told.value.message


def test_modules_found_from_the_folder_here_are_found_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = os.pathsep.join([".", "own", "/elsewhere"])
    found = python_path({"PYTHONPATH": given})["PYTHONPATH"].split(os.pathsep)
    assert found == [str(tmp_path), str(tmp_path / "own"), "/elsewhere"]
    assert python_path({}) == python_path({"PYTHONPATH": ""}) == {}


TIMED_OUT = "Exception: The current node timed out during startup. This could happen because ..."


@pytest.mark.parametrize(
    ("printed", "starts"), [([TIMED_OUT], 2), ([TIMED_OUT, TIMED_OUT], 2), (["no such option"], 1)]
)
def test_a_node_that_ray_did_not_wait_for_is_started_once_more(
    tmp_path, monkeypatch, printed, starts
):
    called = []
    script = tmp_path / "ray"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        f"left = pathlib.Path({str(tmp_path / 'left.json')!r})\n"
        "printed = json.loads(left.read_text())\n"
        "left.write_text(json.dumps(printed[1:]))\n"
        "sys.exit(printed[0] if printed else 0)\n"
    )
    script.chmod(0o755)
    (tmp_path / "left.json").write_text(json.dumps(printed))
    monkeypatch.setattr(
        commands, "script", lambda name: (called.append(name), str(tmp_path / name))[1]
    )
    options = NodeOptions(ports=Ports(http=free_port(), first=30_540), home=tmp_path, no_token=True)
    cluster = Cluster(tmp_path / "state")
    if len(printed) == starts:
        with pytest.raises(ServerFault, match=r"Ray did not start; it said: "):
            cluster.join("127.0.0.1:6379", options)
    else:
        cluster.join("127.0.0.1:6379", options)
        assert (tmp_path / "state" / "node.json").exists()
        cluster.stop()
    assert called == ["ray"] * starts
