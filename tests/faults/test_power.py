"""Every process dies at once, again and again, in the middle of registers and changes."""

import itertools
import json
import os
import subprocess
import threading
import time
from contextlib import suppress
from functools import partial

import psutil
import pytest

from serve_app.cluster.node import Cluster
from serve_app.engine.load import load as load_version
from serve_app.registry.store import Registry
from tests.cluster.harness import BIN, until
from tests.faults.admin import set_weights, weights
from tests.faults.breaking import gateways, small
from tests.faults.code_of_rows import register_moody
from tests.faults.steady import Steady, lost

ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "20"))
SERVES_WITHIN_S = 60.0


class Changes:
    """Sets weights and registers versions all the time, and remembers what was acknowledged."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._weigh, self._register)]
        self._registering = None
        self.attempted = self.acknowledged = weights(cluster)["diagnosis-xgb@1"]
        self.registered = set()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def kill(self):
        """The register that is under way dies as well."""
        self._ended.set()
        if self._registering is not None:
            self._registering.kill()

    def _weigh(self):
        for share in itertools.cycle(range(10, 90)):
            if self._ended.wait(0.02):
                return
            self.attempted = share
            with suppress(OSError):
                if set_weights(self._cluster, share):
                    self.acknowledged = share

    def _register(self):
        command = [
            str(BIN / "serve-app"), "register", "calm", "calm.skops", "--data", "train.csv",
            "--target", "y", "--json",
        ]  # fmt: skip
        while not self._ended.is_set():
            self._registering = subprocess.Popen(
                command, cwd=self._cluster.home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            printed, _ = self._registering.communicate()
            if self._registering.returncode == 0:
                self.registered.add(json.loads(printed)["version"])


def kill_everything(cluster):
    """Kill every process of a cluster, those that start others first."""
    for _ in range(3):
        for process in Cluster(cluster.home / "state").processes():
            with suppress(psutil.Error):
                process.kill()


def versions(cluster):
    """The versions of `calm`, each of which loads."""
    registry = Registry(str(cluster.home / "registry"))
    numbers = registry.versions("calm")
    for number in numbers:
        load_version(registry, "calm", number)
    return set(numbers)


@pytest.fixture(scope="module")
def calm(cluster):
    """A model in a file that can be registered again and again."""
    register_moody(cluster)


def stand(cluster, possible):
    """Whether the weights are of those that are possible."""
    return weights(cluster)["diagnosis-xgb@1"] in possible


@pytest.mark.timeout(120 * ROUNDS)
def test_everything_dies_at_once_again_and_again(cluster, calm, book):
    body = gateways(small(), 1)
    cluster.start()
    cluster.deploy(body)
    slowest_s, acknowledged, missing = 0.0, set(), set()
    loads = []
    for round_number in range(ROUNDS):
        with Changes(cluster) as changes, Steady(cluster, rate_per_s=20) as load:
            load.settle(2 + 0.37 * round_number)
            changes.kill()
            kill_everything(cluster)
        loads.append(load)
        acknowledged |= changes.registered
        began_s = time.perf_counter()
        cluster.run("cluster", "stop")
        cluster.start()
        cluster.deploy(body)
        # The last change may have been made, or not: nobody acknowledged it.
        possible = {changes.acknowledged, changes.attempted}
        stands = partial(stand, cluster, possible)
        until(stands, timeout_s=30, what=f"weights of {possible}")
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
        missing |= lost(cluster, load)
        assert acknowledged <= versions(cluster)
    last = loads[-1]
    book.add(
        f"everything dies at once, {ROUNDS} times, amid registers and weights",
        last, lost=len(missing), back_s=slowest_s,
    )  # fmt: skip
    assert not missing
    assert slowest_s < SERVES_WITHIN_S
