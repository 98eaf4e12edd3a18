"""Deploys that break in the middle, or bring something broken, and many of them in a row."""

import copy
import os
import shutil
import subprocess
import time

import pytest

from tests.cluster.harness import BIN, application, endpoints, until
from tests.faults.admin import deploy, weights
from tests.faults.breaking import gateways, processes, replaced, seconds_until, small
from tests.faults.steady import Steady, lost

NAMED_WITHIN_S = 30.0
SCALINGS = int(os.environ.get("FAULTS_SCALINGS", "20"))
KEPT_CONNECTIONS = 64


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start()
    cluster.deploy(gateways(small(), 1))
    return cluster


def with_weights(xgb):
    body = gateways(small(), 1)
    variants = endpoints(body)["diagnosis"]["route"]["variants"]
    variants[0]["weight"], variants[1]["weight"] = xgb, 100 - xgb
    return body


def with_version(number):
    """A config that has version `number` of XGBoost answer."""
    body = gateways(small(), 1)
    added = copy.deepcopy(application(body, "diagnosis-xgb-1"))
    added["name"] = f"diagnosis-xgb-{number}"
    added["args"]["version"] = number
    body["applications"].append(added)
    variants = endpoints(body)["diagnosis"]["route"]["variants"]
    variants[0]["model"] = f"diagnosis-xgb@{number}"
    return body


def test_control_dies_in_the_middle_of_a_deploy(running, book):
    running.deploy(with_weights(80))
    (victim,) = running.replicas("control")
    file = running.write(with_weights(20))
    before = running.applications()["control"]["last_deployed_time_s"]
    with Steady(running) as load:
        load.settle()
        command = [str(BIN / "serve-app"), "deploy", file.name]
        deploying = subprocess.Popen(
            command, cwd=running.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            until(
                lambda: running.applications()["control"]["last_deployed_time_s"] > before,
                timeout_s=90,
                what="the config in Serve",
            )
            running.kill(victim)
            died_s = time.perf_counter()
            seen = set()

            def is_replaced():
                seen.add(weights(running)["diagnosis-xgb@1"])
                return set(running.replicas("control")) - {victim}

            until(is_replaced, timeout_s=90, what="another control")
            deploying.communicate(timeout=240)
        finally:
            if deploying.poll() is None:
                deploying.kill()
                deploying.wait()
        running.deploy(with_weights(30))
        back_s = seconds_until(
            lambda: weights(running)["diagnosis-xgb@1"] == 30, since_s=died_s, what="the weights"
        )
    gone = lost(running, load)
    book.add("control dies in the middle of a deploy", load, lost=len(gone), back_s=back_s)
    assert seen <= {80, 20}
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone


@pytest.mark.parametrize("what", ["an import that fails", "a digest that does not fit"])
def test_what_is_broken_is_named_and_the_old_goes_on(running, book, what):
    running.deploy(with_weights(80))
    if what == "an import that fails":
        body = with_weights(20)
        application(body, "diagnosis-forest-1")["import_path"] = "serve_app.app:of_no_such_name"
        words = "of_no_such_name"
    else:
        model = running.home / "registry" / "diagnosis-xgb"
        shutil.copytree(model / "1", model / "2")
        manifest = model / "2" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
        for artifact in (model / "2" / "model.ubj", model / "2" / "compiled.npz"):
            artifact.write_bytes(artifact.read_bytes()[:-1] + b"\1")
        body, words = with_version(2), "diagnosis-xgb@2"
    with Steady(running) as load:
        load.settle()
        began_s = time.perf_counter()
        named = running.run("deploy", running.write(body).name, code=1)
        took_s = time.perf_counter() - began_s
        load.settle()
    gone = lost(running, load)
    book.add(f"a deploy of {what}", load, lost=len(gone), back_s=None)
    assert words in named
    assert took_s < NAMED_WITHIN_S, f"it took {took_s:.0f} s"
    assert weights(running)["diagnosis-xgb@1"] == 80
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone


def scale(cluster, count):
    """Have so many gateways."""
    body = gateways(small(), count)
    until(lambda: deploy(cluster, body), timeout_s=30, what="a deploy")
    replaced(cluster, "gateway", [], count)


def test_gateways_come_and_go_again_and_again(running, book):
    running.deploy(gateways(small(), 1))
    with Steady(running, connections=KEPT_CONNECTIONS) as load:
        for number in range(SCALINGS):
            scale(running, 2 - number % 2)
        load.settle()
    gone = lost(running, load)
    book.add(
        f"gateways come and go {SCALINGS} times, {KEPT_CONNECTIONS} connections stay",
        load, lost=len(gone), back_s=None,
    )  # fmt: skip
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone
    until(lambda: len(processes(running, "haproxy")) <= 3, timeout_s=150, what="few HAProxies")
