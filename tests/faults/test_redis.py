"""Ray's head keeps what it knows on a Redis server; the server restarts, and the head dies."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest

from serve_app.cluster.environment import REDIS_VARIABLE
from serve_app.cluster.node import Cluster
from serve_app.cluster.processes import GCS, runs
from tests.cluster.harness import free_row, until
from tests.faults.admin import set_weights, weights
from tests.faults.breaking import seconds_until, small
from tests.faults.steady import Steady, lost

PROGRAM = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no redis-server")


class Redis:
    """A server that keeps each change on the disk, and may be started again."""

    def __init__(self, folder):
        self.port = free_row(1)
        self._folder = folder
        self._process = None

    def start(self):
        command = [
            PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder),
            "--appendonly", "yes", "--appendfsync", "always", "--save", "",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._answers, timeout_s=20, what="Redis")

    def stop(self):
        self._process.terminate()
        self._process.wait(20)

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                one.sendall(b"PING\r\n")
                return one.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def redis(folder):
    server = Redis(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with redis(tmp_path_factory.mktemp("redis")) as one:
        yield one


@pytest.fixture(scope="module")
def running(server, cluster):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(REDIS_VARIABLE, f"127.0.0.1:{server.port}")
        cluster.start("--supervise")
    cluster.deploy(small())
    return cluster


def test_redis_restarts(running, server, book):
    with Steady(running) as load:
        load.settle()
        began_s = time.perf_counter()
        server.stop()
        load.settle(1)
        server.start()
        back_s = seconds_until(
            lambda: set_weights(running, 65) and running.applications()["gateway"],
            since_s=began_s, what="weights that are taken, and a dashboard",
        )  # fmt: skip
        load.settle(10)
    gone = lost(running, load)
    book.add("Redis restarts, where Ray's head keeps what it knows", load, lost=len(gone),
             back_s=back_s)  # fmt: skip
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone
    # What Ray is to do needs the server.
    running.deploy(small())


def test_a_head_with_redis_dies(running, book):
    until(lambda: set_weights(running, 45), timeout_s=60, what="the weights")
    processes = Cluster(running.home / "state").processes()
    (victim,) = [one for one in processes if runs(one, GCS)]
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        victim.kill()
        back_s = seconds_until(
            lambda: running.applications()["gateway"]["status"] == "RUNNING"
            and [one for one in Cluster(running.home / "state").processes() if runs(one, GCS)],
            since_s=died_s, what="a head and a dashboard",
        )  # fmt: skip
        load.settle(10)
    gone = lost(running, load)
    book.add("Ray's head (GCS) with Redis dies, supervised", load, lost=len(gone), back_s=back_s)
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone
    assert weights(running)["diagnosis-xgb@1"] == 45
    running.deploy(small())
