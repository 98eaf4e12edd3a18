"""What is kept on disks: locked, damaged, full, read-only."""

import contextlib
import random
import sqlite3
import time

import pytest

from serve_app.cluster.node import Cluster
from tests.cluster.harness import until
from tests.faults.admin import feedback, set_weights, weights
from tests.faults.breaking import (
    filled,
    gateways,
    moved_to_small_disk,
    read_only,
    seconds_until,
    small,
    small_disk,
)
from tests.faults.steady import Steady, lost

LOCKED_S = 10
PAGE_BYTES = 4096


@pytest.fixture(scope="module")
def running(cluster):
    """A cluster whose state, registry and logs stand on small disks of their own."""
    with (
        moved_to_small_disk(cluster.home / "state", "48m"),
        moved_to_small_disk(cluster.home / "registry", "32m"),
        small_disk(Cluster(cluster.home / "state")._folder, "512m"),
    ):
        cluster.start()
        try:
            cluster.deploy(gateways(small(), 1))
            until(lambda: cluster.replicas("monitor"), timeout_s=60, what="the monitor")
            yield cluster
        finally:
            cluster.run("cluster", "stop")


@pytest.fixture
def database(running):
    return running.home / "state" / "serve-app.db"


def is_sound(database):
    with contextlib.closing(sqlite3.connect(database)) as fresh:
        return fresh.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def all_well(cluster, load):
    gone = lost(cluster, load)
    assert load.failures == [], load.words()
    assert load.client_failed == [], load.words()
    return gone


def test_sqlite_is_locked_by_somebody_else_for_ten_seconds(running, database, book):
    with Steady(running) as load:
        load.settle()
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began_s = time.perf_counter()
            load.settle(LOCKED_S)
            other.execute("ROLLBACK")
        back_s = seconds_until(
            lambda: feedback(running).status == 200 and set_weights(running, 55),
            since_s=began_s + LOCKED_S, what="feedback and weights that are taken",
        )  # fmt: skip
        load.settle()
    gone = all_well(running, load)
    book.add("SQLite is locked by another for 10 s", load, lost=len(gone), back_s=back_s)
    until(lambda: weights(running)["diagnosis-xgb@1"] == 55, timeout_s=10, what="the weights")
    # Nothing waited for the lock on an event loop that answers.
    assert max(one.ended_s - one.began_s for one in load.requests) < 1.0
    assert not gone


@pytest.mark.parametrize("part", ["first page", "write-ahead log"])
def test_sqlite_is_damaged(running, database, book, part):
    until(lambda: set_weights(running, 65), timeout_s=30, what="the weights")
    file = database if part == "first page" else database.with_name(f"{database.name}-wal")
    noise = random.Random(7).randbytes(PAGE_BYTES)
    # Whoever closes the file last takes the log away.
    with contextlib.closing(sqlite3.connect(database)) as kept_open, Steady(running) as load:
        kept_open.execute("SELECT name FROM sqlite_master").fetchone()
        load.settle()
        with file.open("r+b") as damaged:
            # A log is damaged behind its header, in the frames.
            damaged.seek(0 if part == "first page" else 32)
            damaged.write(noise)
        began_s = time.perf_counter()
        before = load.acknowledged.copy()
        back_s = seconds_until(
            lambda: feedback(running).status == 200 and set_weights(running, 75),
            since_s=began_s, what="feedback and weights that are taken",
        )  # fmt: skip
        load.settle()
    gone = all_well(running, load)
    book.add(f"SQLite is damaged: {part}", load, lost=len(gone), back_s=back_s)
    until(lambda: weights(running)["diagnosis-xgb@1"] == 75, timeout_s=10, what="the weights")
    # What was in the damaged file is in the one that was set aside, if anywhere.
    assert not gone - before
    # Who has the page in memory, or in the log, writes it anew; else the file is set aside.
    assert is_sound(database)


def test_the_disk_of_the_state_is_full(running, book):
    with Steady(running) as load:
        load.settle()
        with filled(running.home / "state"):
            # Journals have some space of their own left: wait until writers notice.
            until(lambda: feedback(running).status == 503, timeout_s=60, what="a refusal")
            refusal = feedback(running)
            refused = running.run(
                "endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=5", code=1
            )
            load.settle(5)
        began_s = time.perf_counter()
        back_s = seconds_until(
            lambda: feedback(running).status == 200 and set_weights(running, 45),
            since_s=began_s, what="feedback and weights that are taken",
        )  # fmt: skip
        load.settle()
    gone = all_well(running, load)
    book.add("the disk of the state is full", load, lost=len(gone), back_s=back_s)
    assert "send it again" in refusal.json()["error"]
    assert "state store" in refused
    assert not gone


def test_the_disk_of_the_registry_is_full_and_then_read_only(running, book):
    registry = running.home / "registry"
    listed = running.run("models", "list", "--json")
    versions = sorted(path for path in registry.rglob("*") if path.is_file())
    with Steady(running) as load:
        load.settle()
        with filled(registry):
            full = running.run("models", "alias", "diagnosis-xgb@1", "first", code=1)
            load.settle(3)
    gone = all_well(running, load)
    book.add("the disk of the registry is full", load, lost=len(gone), back_s=None)
    assert str(registry) in full
    assert running.run("models", "list", "--json") == listed
    assert sorted(path for path in registry.rglob("*") if path.is_file()) == versions
    with Steady(running) as load:
        load.settle()
        with read_only(registry):
            refused = running.run("models", "alias", "diagnosis-xgb@1", "first", code=1)
            load.settle(3)
    gone = all_well(running, load)
    book.add("the registry is read-only", load, lost=len(gone), back_s=None)
    assert str(registry) in refused
    running.run("models", "alias", "diagnosis-xgb@1", "first")


def test_the_disk_of_logs_and_sockets_is_full(running, book):
    folder = Cluster(running.home / "state").require().folder
    until(lambda: set_weights(running, 60), timeout_s=30, what="the weights")
    with Steady(running) as load:
        load.settle()
        with filled(folder):
            load.settle(10)
            is_set = set_weights(running, 70)
        load.settle(5)
    gone = all_well(running, load)
    book.add("the disk of the logs is full", load, lost=len(gone), back_s=None)
    # Nothing that is decided needs that disk.
    assert is_set
    assert weights(running)["diagnosis-xgb@1"] == 70
    assert not gone
