"""What a cluster leans on outside of it is wrong: the server of its registry, and the clock."""

import copy
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.cluster.harness import BIN, application, endpoints, free_row, until
from tests.faults.admin import set_weights, weights
from tests.faults.breaking import small, stopped
from tests.faults.steady import Steady, lost
from tests.faults.test_clock import CC, HOUR_S, SOURCE, MovedClock

pytestmark = pytest.mark.skipif(CC is None, reason="no compiler for the library of the clock")
NAMED_WITHIN_S = 30.0
AWAY_S = 10.0
LATER = "diagnosis-logistic-1"
"""An application that is not deployed at first."""


def without_fallback(body):
    """The config without the application of the fallback, which nobody asks then."""
    body = copy.deepcopy(body)
    body["applications"] = [one for one in body["applications"] if one["name"] != LATER]
    del endpoints(body)["diagnosis"]["fallback"]
    return body


@pytest.fixture(scope="module")
def clock(cluster):
    """The clock of gateways and control, and the environment in which they have it."""
    library = cluster.home / "clock.so"
    subprocess.run([CC, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    file = cluster.home / "moved"
    moved = MovedClock(file)
    return moved, {"LD_PRELOAD": str(library), "MOVED_CLOCK": str(file)}


@pytest.fixture(scope="module")
def elsewhere(cluster):
    """A process that serves the registry, and its address."""
    port = free_row(1, above=cluster.internal_ports + 11)
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=cluster.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}/registry"
        try:
            until(lambda: _is_served(url), timeout_s=20, what="the server of the registry")
            yield process, url
        finally:
            process.kill()


def _is_served(url):
    try:
        return urllib.request.urlopen(f"{url}/", timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def body(clock, elsewhere):
    """The whole config, whose registry is that server's, with the clock that may be moved."""
    whole = small()
    for one in whole["applications"]:
        if "registry" in one["args"]:
            one["args"]["registry"] = elsewhere[1]
    for name in ("gateway", "control"):
        (deployment,) = application(whole, name)["deployments"]
        options = deployment.setdefault("ray_actor_options", {})
        options["runtime_env"] = {"env_vars": clock[1]}
    return whole


@pytest.fixture(scope="module")
def running(cluster, body):
    cluster.start()
    path = cluster.write(body)
    cluster.deploy(without_fallback(body))
    return cluster, path


def test_the_server_of_the_registry_is_silent(running, elsewhere, book):
    cluster, whole = running
    process, url = elsewhere
    with Steady(cluster) as load:
        load.settle()
        with stopped(process.pid):
            began_s = time.monotonic()
            done = subprocess.run(
                [str(BIN / "serve-app"), "deploy", whole.name],
                cwd=cluster.home, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            took_s = time.monotonic() - began_s
            load.settle(AWAY_S)
    gone = lost(cluster, load)
    book.add("the server of the registry is silent", load, lost=len(gone), back_s=None)
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone
    assert done.returncode != 0
    assert url.partition("//")[2].partition("/")[0] in done.stderr
    assert took_s < NAMED_WITHIN_S


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_the_clock_of_gateways_and_control_jumps(running, clock, book, by_s):
    cluster, _ = running
    moved, _ = clock
    with Steady(cluster) as load:
        load.settle()
        moved.move(by_s)
        load.settle()
        until(lambda: set_weights(cluster, 65), timeout_s=15, what="weights while it is moved")
        load.settle()
        moved.move(0.0)
        load.settle()
    gone = lost(cluster, load)
    way = "forward" if by_s > 0 else "back"
    fault = f"the clock jumps an hour {way}, gateways and control"
    book.add(fault, load, lost=len(gone), back_s=None)
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert load.refused_feedback == []
    assert not gone
    assert weights(cluster)["diagnosis-xgb@1"] == 65
