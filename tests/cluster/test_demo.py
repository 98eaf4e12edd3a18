"""`make demo` and `make down`, typed by a stranger."""

import json
import os
import socket

import psutil
import pytest

from serve_app.cluster.node import Cluster
from tests.cluster.stranger import Stranger


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    made = Stranger(tmp_path_factory.mktemp("checkout"))
    try:
        yield made
    finally:
        made.make("down")


def test_a_taken_port_is_named_and_nothing_is_left_behind(stranger):
    cluster = stranger.cluster
    with socket.socket() as other:
        other.bind(("127.0.0.1", cluster.http_port))
        other.listen()
        said = stranger.make("demo", code=2)
    assert f"port {cluster.http_port} (HTTP) is taken by process {os.getpid()}" in said
    assert "--http-port" in said
    assert not (stranger.home / "state" / "cluster.json").exists()
    assert not list(Cluster(stranger.home / "state").processes())


def test_the_demo_predicts_real_rows_and_its_curl_lines_work(stranger):
    said = stranger.make("demo")
    assert "malignant" in said
    assert "progression, answered by" in said
    assert f"http://127.0.0.1:{stranger.cluster.http_port}/docs" in said
    running = Cluster(stranger.home / "state").require()
    assert stranger.exported == running.of_rays_commands
    assert stranger.exported["RAY_DASHBOARD_ADDRESS"] == stranger.cluster.dashboard_url
    assert stranger.exported["RAY_AUTH_TOKEN_PATH"] == str(stranger.cluster.token)
    lines = [line for line in said.splitlines() if line.startswith("curl ")]
    answers = [json.loads(stranger.shell(line)) for line in lines]
    names = {endpoint["name"] for endpoint in answers[0]["endpoints"]}
    assert names == {"diagnosis", "diagnosis-ensemble", "progression"}
    assert answers[1]["predictions"] == ["malignant"]
    assert answers[2]["model_name"] == "diagnosis-ensemble"


def test_the_demo_goes_on_from_where_it_is_when_run_twice(stranger):
    before = {p.pid for p in Cluster(stranger.home / "state").processes()}
    said = stranger.make("demo")
    assert "the cluster runs already" in said
    after = {p.pid for p in Cluster(stranger.home / "state").processes()}
    assert len(before & after) > 0.9 * len(before)
    registered = json.loads(stranger.shell("serve-app models list --json"))
    assert all(model["versions"] == [1] for model in registered)


def test_make_down_ends_even_a_cluster_whose_ray_was_killed(stranger):
    cluster = Cluster(stranger.home / "state")
    ours = list(cluster.processes())
    proxies = [p.pid for p in ours if "haproxy" in p.name()]
    assert proxies
    for process in ours:
        if process.pid not in proxies:
            process.kill()
    psutil.wait_procs([p for p in ours if p.pid not in proxies], timeout=20)
    assert all(psutil.pid_exists(pid) for pid in proxies)
    stranger.make("down")
    assert not list(cluster.processes())
    assert not any(psutil.pid_exists(pid) for pid in proxies)
    with socket.socket() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind(("127.0.0.1", stranger.cluster.http_port))
    assert "nothing was running" in stranger.make("down")
