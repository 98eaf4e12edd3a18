"""What a cluster started ends with it and nothing else; deploys know of each other."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from serve_app.cluster.node import Cluster
from serve_app.cluster.processes import belongs
from tests.cluster.harness import BIN, config, until

DIES = """\
import os, sys

if any(part.endswith("dashboard/dashboard.py") for part in sys.orig_argv):
    os._exit(3)
"""


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start()
    cluster.deploy(config("split"))
    return cluster


def folder(cluster):
    return Path(json.loads((cluster.home / "state" / "cluster.json").read_text())["folder"])


def dashboard(cluster):
    """The process of the cluster's dashboard."""
    return next(
        process
        for process in Cluster(cluster.home / "state").processes()
        if any(part.endswith("dashboard/dashboard.py") for part in process.cmdline())
    )


def deploying(cluster, file):
    """A deploy that goes on by itself."""
    return subprocess.Popen(
        [str(BIN / "serve-app"), "deploy", file.name],
        cwd=cluster.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def with_gateways(number):
    """The same graph, with so many requests at once in a gateway."""
    body = config("split")
    body["applications"][0]["deployments"][0]["max_ongoing_requests"] = number
    return body


def ongoing(cluster):
    given = cluster.applications()["gateway"]["deployed_app_config"]
    return given["deployments"][0]["max_ongoing_requests"]


def test_everything_that_ray_starts_carries_the_mark(running):
    mark = str(folder(running))
    own = Cluster(running.home / "state").processes()
    unmarked = []
    for process in own:
        with contextlib.suppress(psutil.NoSuchProcess):
            if not belongs(process, mark):
                unmarked.append(process)
    assert unmarked == []
    assert {"raylet", "gcs_server", "haproxy"} <= {process.name() for process in own}


def test_of_two_deploys_at_once_the_later_waits_and_stands(running):
    first = deploying(running, running.write(with_gateways(401)))
    lock = folder(running) / "changes.lock"
    until(lambda: "deploy config" in lock.read_text(), timeout_s=60, what="the first deploy")
    second = deploying(running, running.write(with_gateways(402)))
    said = second.communicate(timeout=240)
    assert first.wait(5) == 0, first.communicate()
    assert second.returncode == 0, said
    assert f"waiting for deploy config-1.yaml (process {first.pid}, since" in said[1]
    assert "deployed config-2.yaml" in said[0]
    assert ongoing(running) == 402
    first.communicate()


def test_a_deploy_that_ray_s_own_command_came_after_does_not_say_deployed(running):
    # A version that does not start: the deploy waits for it until another one comes.
    broken = with_gateways(403)
    broken["applications"][-1]["deployments"][0]["ray_actor_options"] = {
        "num_cpus": 0.1, "runtime_env": {"env_vars": {"SLOW": "1"}},
    }  # fmt: skip
    first = deploying(running, running.write(broken))
    until(lambda: ongoing(running) == 403, timeout_s=120, what="the first config in Serve")
    running.serve_deploy(with_gateways(404))
    out, error = first.communicate(timeout=240)
    if first.returncode == 0:
        pytest.skip("the first deploy was in effect before the second came")
    assert "deployed" not in out
    assert "another deploy came after this one" in error
    assert "application gateway has other deployments" in error
    assert ongoing(running) == 404


def test_with_a_dead_dashboard_it_is_said_where_its_log_is_and_what_to_do(running):
    running.kill(dashboard(running).pid)
    log = str(folder(running) / "ray" / "session_latest" / "logs" / "dashboard.log")
    for command in (
        ["status"],
        ["deploy", running.write(config("split")).name],
        ["cluster", "start"],
    ):
        said = running.run(*command, code=1)
        assert "the Ray dashboard of this cluster does not answer" in said, command
        assert log in said
        assert "serve-app cluster stop" in said
    assert '"dashboard_answers": false' in running.run("cluster", "status", "--json")
    assert running.request("/v1/endpoints").status == 200


def test_what_only_has_to_do_with_its_files_survives_its_end_and_a_crash_leaves_nothing(running):
    where = folder(running)
    log = next((where / "ray").glob("session_2*/logs/gcs_server.out"))
    strangers = [
        subprocess.Popen(["tail", "-f", str(log)], stdout=subprocess.DEVNULL),
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)", f"--edit={where}/x"]
        ),
        subprocess.Popen(["sleep", "600"], cwd=where),
    ]
    try:
        own = Cluster(running.home / "state").processes()
        for process in own:
            if process.name() in {"gcs_server", "raylet"}:
                process.send_signal(signal.SIGKILL)
        running.run("cluster", "stop")
        assert [stranger.poll() for stranger in strangers] == [None] * 3
        assert [process for process in own if process.is_running()] == []
        assert Cluster(running.home / "state").processes() == []
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


def test_a_cluster_whose_dashboard_does_not_start_is_stopped_again(running, monkeypatch):
    running.run("cluster", "stop")
    site = running.home / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(DIES)
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{path}")
    began_s = time.monotonic()
    with pytest.raises(AssertionError, match="dashboard"):
        running.start()
    assert time.monotonic() - began_s < 120
    assert Cluster(running.home / "state").processes() == []
    monkeypatch.setenv("PYTHONPATH", path)
    running.run("cluster", "status", code=1)
