"""What nobody starts again but the supervisor dies, or stands still, and all comes back."""

import json
import time

import psutil
import pytest

from serve_app.cluster.node import Cluster
from serve_app.cluster.processes import DASHBOARD, GCS, RAYLET, runs
from tests.cluster.harness import until
from tests.faults.admin import set_weights, weights
from tests.faults.breaking import seconds_until, small
from tests.faults.steady import Steady, lost

BACK_WITHIN_S = 45.0
NOTICED_WITHIN_S = 2.0


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start("--supervise")
    cluster.deploy(small())
    until((cluster.home / "state" / "deployed.yaml").exists, timeout_s=60, what="a record")
    return cluster


def process(cluster, program):
    """The cluster's one process of Ray's that runs this."""
    (found,) = [one for one in Cluster(cluster.home / "state").processes() if runs(one, program)]
    return found


def status(cluster):
    code = 0 if Cluster(cluster.home / "state").running() else 1
    return json.loads(cluster.run("cluster", "status", "--json", code=code) or "{}")


def is_back(cluster, row):
    """Whether rows are answered again, by the weights that stood."""
    try:
        answer = cluster.request("/v1/models/diagnosis:predict", {"instances": [row]})
        return answer.status == 200 and weights(cluster)["diagnosis-xgb@1"] == 65
    except (OSError, ValueError, KeyError):
        return False


def phase(cluster):
    return json.loads((cluster.home / "state" / "supervision.json").read_text())["phase"]


@pytest.mark.parametrize(("program", "name"), [(RAYLET, "Ray's raylet"), (GCS, "Ray's head (GCS)")])
def test_a_vital_process_of_rays_dies(running, book, program, name):
    until(lambda: set_weights(running, 65), timeout_s=60, what="the weights")
    before = status(running)["restarts"]
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        process(running, program).kill()
        noticed_s = seconds_until(
            lambda: phase(running) != "watching", since_s=died_s, what="a supervisor that notices"
        )
        # Without a raylet, gateways answer on for a moment.
        back_s = seconds_until(
            lambda: phase(running) == "watching" and is_back(running, load._rows[0]),
            since_s=died_s, timeout_s=180, what="answers by the weights that stood",
        )  # fmt: skip
        load.settle()
    gone = lost(running, load)
    book.add(f"{name} dies, supervised", load, lost=len(gone), back_s=back_s)
    shown = status(running)
    assert shown["restarts"] == before + 1
    assert name in shown["last_restart"]
    assert not gone
    assert noticed_s < NOTICED_WITHIN_S
    assert back_s < BACK_WITHIN_S
    if program == GCS:
        # It kept what it knew, and is started again alone.
        assert load.failures == [], load.words()
        assert load.client_failed == []


def test_the_dashboard_dies(running, book):
    victim = process(running, DASHBOARD)
    before = status(running)["restarts"]
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        victim.kill()
        back_s = seconds_until(
            lambda: running.applications()["gateway"]["status"] == "RUNNING",
            since_s=died_s, what="a dashboard that answers",
        )  # fmt: skip
        load.settle()
    gone = lost(running, load)
    book.add("Ray's dashboard dies, supervised", load, lost=len(gone), back_s=back_s)
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone
    assert status(running)["restarts"] == before
    running.deploy(small())


def test_a_cluster_that_is_stopped_stays_so(running):
    (supervisor,) = [
        one for one in Cluster(running.home / "state").processes() if "supervise" in one.cmdline()
    ]
    running.run("cluster", "stop")
    assert not supervisor.is_running() or supervisor.status() == psutil.STATUS_ZOMBIE
    assert not Cluster(running.home / "state").processes()
    assert (running.home / "state" / "deployed.yaml").exists()
