"""The PostgreSQL server that holds the state goes away for a while and comes back."""

import subprocess
import time
from contextlib import contextmanager

import psutil
import pytest

from tests.cluster.harness import application, until
from tests.contract import postgres
from tests.faults.admin import feedback, set_weights, weights
from tests.faults.breaking import gateways, seconds_until, small
from tests.faults.steady import Steady, lost

AWAY_S = 30


@pytest.fixture(scope="module")
def server():
    """A server's address, and the URL of a database on it."""
    with postgres.server() as address, postgres.database(address) as url:
        yield address, url


@pytest.fixture(scope="module")
def running(cluster, server):
    _, url = server
    body = gateways(small(), 1)
    for name in ("gateway", "control", "monitor"):
        application(body, name)["args"]["state"] = url
    cluster.start()
    cluster.deploy(body)
    return cluster


@contextmanager
def away(port):
    """A server that is stopped and, in the end, runs again until what uses it has ended."""
    (server,) = [
        process
        for process in psutil.process_iter(["name", "cmdline", "uids"])
        if process.info["name"] == "postgres"
        and str(port) in process.info["cmdline"]
        and "-D" in process.info["cmdline"]
    ]
    command, user = server.cmdline(), server.uids().real
    folder, group = server.cwd(), server.gids().real
    server.send_signal(subprocess.signal.SIGINT)
    until(lambda: not server.is_running() or server.status() == "zombie", timeout_s=30, what="end")
    again = []

    def start():
        again.append(
            subprocess.Popen(
                command, cwd=folder, user=user, group=group, extra_groups=[],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip

    try:
        yield start
    finally:
        for process in again:
            process.send_signal(subprocess.signal.SIGINT)
            process.wait(30)


def test_the_server_of_the_state_is_away_for_half_a_minute(running, server, book):
    address, url = server
    until(lambda: set_weights(running, 60), timeout_s=30, what="the weights")
    with Steady(running) as load:
        load.settle()
        with away(address["port"]) as start:
            load.settle(AWAY_S)
            refused = feedback(running)
            start()
            began_s = time.perf_counter()
            back_s = seconds_until(
                lambda: feedback(running).status == 200 and set_weights(running, 70),
                since_s=began_s, what="feedback and weights that are taken",
            )  # fmt: skip
            load.settle()
            load.end()
            gone = lost(running, load, state=url)
            until(lambda: weights(running)["diagnosis-xgb@1"] == 70, timeout_s=10, what="weights")
            running.run("cluster", "stop")
    book.add(
        f"PostgreSQL is away for {AWAY_S} s", load, lost=len(gone), back_s=back_s
    )  # fmt: skip
    assert refused.status == 503
    assert "send it again" in refused.json()["error"]
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone
