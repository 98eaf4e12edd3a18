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
from serve_app.serving.deploying.turns import Queue, turn
from tests.cluster.harness import BIN, config, until

pytestmark = pytest.mark.long

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


def test_deploys_at_once_wait_for_each_other_and_the_last_one_stands(running):
    standing = Cluster(running.home / "state").require()
    with turn(standing, "the first deploy", Queue(1.0, str)):
        waiting = [deploying(running, running.write(with_gateways(n))) for n in (401, 402)]
        heard = [process.stderr.readline() for process in waiting]
    ended = [process.communicate(timeout=240) for process in waiting]
    assert [process.returncode for process in waiting] == [0, 0], ended
    assert all("waiting for the first deploy (process" in words for words in heard), heard
    assert all("deployed config-" in out for out, _ in ended)
    # One of them heard of the other, too: it came last, and is what stands.
    (last,) = [n for n, (_, words) in zip((401, 402), ended, strict=True) if "waiting for" in words]
    assert ongoing(running) == last


def test_a_deploy_that_ray_s_own_command_came_after_does_not_say_deployed(running):
    # A replica that fits on the node, and finds no place beside the others: it is waited for.
    broken = with_gateways(403)
    cpus = {"num_cpus": os.cpu_count()}
    broken["applications"][-1]["deployments"][0]["ray_actor_options"] = cpus
    first = deploying(running, running.write(broken))
    until(lambda: ongoing(running) == 403, timeout_s=120, what="the first config in Serve")
    running.serve_deploy(with_gateways(404))
    out, error = first.communicate(timeout=240)
    assert first.returncode == 1
    assert "deployed" not in out
    assert "another deploy came after this one" in error
    assert "application gateway has other deployments" in error
    assert ongoing(running) == 404


def test_with_a_dead_dashboard_it_is_said_where_its_log_is_and_what_to_do(running):
    running.kill(dashboard(running).pid)
    log = str(folder(running) / "ray" / "session_latest" / "logs" / "dashboard.log")
    for command in (
        ["deploy", running.write(config("split")).name],
        ["cluster", "start"],
    ):
        said = running.run(*command, code=1)
        assert "the Ray dashboard of this cluster does not answer" in said, command
        assert log in said
        assert "serve-app cluster stop" in said
    assert '"dashboard_answers": false' in running.run("cluster", "status", "--json")
    # The gateways ask Serve's controller themselves.
    assert json.loads(running.run("status", "--json"))["applications"]
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
