"""Whoever reads the log stands still, and the pipe to it is full."""

import subprocess
from types import SimpleNamespace

import httpx
import pytest

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import free_row, until
from tests.faults.breaking import stopped
from tests.faults.steady import Steady
from tests.security.server import ROW, running

RATE_PER_S = 200.0
BROKEN = b"NO HTTP AT ALL\r\n\r\n"
"""Each of these is a line of the log."""


@pytest.fixture
def reader(tmp_path):
    """A process that brings what it reads to the file `log`."""
    with (
        (tmp_path / "log").open("wb") as file,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file) as process,
    ):
        yield process
        process.kill()


@pytest.fixture
def served(models, tmp_path, reader):
    """A server whose log goes to that process, and the address of its metrics."""
    register(Registry(str(tmp_path / "registry")), Candidate("logistic", *models["logistic"]))
    port = free_row(1)
    with running(
        tmp_path, str(tmp_path / "registry"), "--metrics-port", str(port),
        models=("logistic@1",), output=reader.stdin,
    ) as one:  # fmt: skip
        yield one, f"http://127.0.0.1:{port}/metrics"


def dropped(metrics):
    lines = httpx.get(metrics).text.splitlines()
    counts = [line for line in lines if "log_lines_dropped_total{" in line]
    return sum(float(line.rpartition(" ")[2]) for line in counts)


def test_nobody_waits_for_whoever_reads_the_log(served, reader, book):
    server, metrics = served
    address = SimpleNamespace(http_port=server.port)
    with Steady(
        address, "logistic", [ROW], rate_per_s=RATE_PER_S, with_client=False
    ) as load:  # fmt: skip
        load.settle()
        with stopped(reader.pid):

            def is_full():
                for _ in range(50):
                    server.raw(BROKEN)
                return dropped(metrics) > 0

            until(is_full, timeout_s=60, what="lines that are dropped")
            load.settle()
        load.settle()
    slowest_s = max(one.ended_s - one.began_s for one in load.requests)
    book.add("whoever reads the log stands still", load, lost=0, back_s=None)
    assert load.failures == [], load.words()
    assert slowest_s < 1.0
    assert server.process.is_running()
