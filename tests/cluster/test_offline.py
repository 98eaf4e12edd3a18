"""Batch jobs and training by workers of a real cluster, beside what it serves."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest

from serve_app.cluster.node import Cluster
from tests.clients.s3_store import Store, serving
from tests.cluster.harness import BIN, TestCluster, until
from tests.cluster.joined_nodes import beside, joining, raylet

pytestmark = pytest.mark.long
DEADLINE_S = 180.0
SECOND = "./state-2"
ROWS = 200_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A storage that all processes of this module may write to."""
    with serving(tmp_path_factory.mktemp("moto")) as made, pytest.MonkeyPatch.context() as patched:
        for name, value in made.variables().items():
            patched.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def running(cluster: TestCluster, store: Store) -> TestCluster:
    """A cluster with a large file of the first example's columns."""
    cluster.start("--cpus", "2")
    manifest = json.loads(cluster.run("models", "show", "diagnosis-logistic@1", "--json"))
    names = [column["name"] for column in manifest["signature"]["inputs"]]
    frame = pd.DataFrame({name: [10.0 + row % 7 for row in range(ROWS)] for name in names})
    frame.insert(0, "row", range(ROWS))
    frame.to_parquet(cluster.home / "rows.parquet", row_group_size=10_000)
    return cluster


def submit(out: str, *more: str) -> list[str]:
    return [
        *("jobs", "submit", "diagnosis-logistic@1", "--data", "rows.parquet", "--out", out),
        *("--id", "row", "--shard-rows", "10000", "--json", *more),
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("part-*")}


@pytest.fixture(scope="module")
def undisturbed(running: TestCluster) -> dict[str, bytes]:
    """What one process here makes of the same rows."""
    running.run(
        *("predict", "diagnosis-logistic@1", "--local", "--data", "rows.parquet", "--out", "here"),
        *("--id", "row", "--shard-rows", "10000"),
    )
    return contents(running.home / "here")


def workers(cluster: TestCluster, state: str = "state") -> list[psutil.Process]:
    """Processes of a node that answer shards now."""
    return [
        one
        for one in raylet(cluster, state).children()
        if any("ShardWorker" in part for part in cmdline(one))
    ]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def begun(cluster: TestCluster, out: str, *more: str) -> subprocess.Popen[bytes]:
    """A job that has committed three shards, and the process that drives it."""
    driver = subprocess.Popen(
        [str(BIN / "serve-app"), *submit(out, *more)],
        cwd=cluster.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )

    def committed() -> bool:
        assert driver.poll() is None
        return len(list((cluster.home / out).glob("part-*"))) >= 3

    until(committed, timeout_s=DEADLINE_S, what="three shards")
    return driver


def test_a_job_has_the_bytes_of_one_process_though_workers_and_driver_are_killed(
    running: TestCluster, undisturbed: dict[str, bytes]
) -> None:
    driver = begun(running, "there")
    for worker in workers(running):
        worker.kill()
    time.sleep(0.5)
    driver.kill()
    driver.communicate()
    status = json.loads(running.run(*submit("there")))
    assert status["state"] == "SUCCEEDED"
    assert (status["rows_ok"], status["rows_bad"]) == (ROWS, 0)
    assert contents(running.home / "there") == undisturbed
    until(lambda: not workers(running), timeout_s=DEADLINE_S, what="the end of all workers")


def test_workers_write_to_a_store_what_one_process_writes_to_a_folder(
    running: TestCluster, undisturbed: dict[str, bytes], store: Store
) -> None:
    status = json.loads(running.run(*submit("s3://rows/there", "--workers", "2")))
    assert (status["state"], status["rows_ok"]) == ("SUCCEEDED", ROWS)
    kept = store.objects("there")
    assert {name: kept[name] for name in kept if name.startswith("part-")} == undisturbed


def test_a_job_has_the_bytes_of_one_process_though_a_node_is_killed(
    running: TestCluster, undisturbed: dict[str, bytes]
) -> None:
    node = beside(running, above=running.internal_ports + 10)
    try:
        node.run(*joining(running, node, SECOND))
        # None of the nodes has room for two.
        driver = begun(running, "survived", "--workers", "2", "--num-cpus", "1.5")
        until(
            lambda: workers(running) and workers(running, SECOND),
            timeout_s=DEADLINE_S,
            what="a worker on each node",
        )
        died = Cluster(running.home / SECOND).processes()
        victims = [*died, *raylet(running, SECOND).children(recursive=True)]
        for process in victims:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        printed, _ = driver.communicate(timeout=DEADLINE_S)
    finally:
        node.run("cluster", "stop", "--state", SECOND, "--hand-over-s", "0")
    status = json.loads(printed)
    assert status["state"] == "SUCCEEDED"
    assert (status["rows_ok"], status["rows_bad"]) == (ROWS, 0)
    # What is computed again is at most what each node had in hand.
    assert status["shards"] < status["attempts"] <= status["shards"] + 2
    assert contents(running.home / "survived") == undisturbed


def test_a_job_without_room_says_so_at_once(running: TestCluster) -> None:
    began_s = time.monotonic()
    said = running.run(*submit("nowhere", "--num-cpus", "1000"), code=1)
    assert "a worker needs 1000 CPU" in said
    assert "no node is so large" in said
    assert time.monotonic() - began_s < 60.0


def test_trials_are_tasks_and_give_what_processes_give(running: TestCluster) -> None:
    frame = pd.DataFrame({"a": [row % 10 for row in range(400)], "b": [1.5] * 400})
    frame["y"] = ["yes" if row % 10 > 4 else "no" for row in range(400)]
    frame.to_csv(running.home / "small.csv", index=False)
    results = []
    for name, more in (("there", ["--cluster"]), ("here", [])):
        (running.home / f"{name}.yaml").write_text(
            f"pipeline: {name}\nmodel: {name}\ndata: {{source: small.csv, target: y}}\n"
            "validation: {kind: stratified, folds: 2}\ncandidates: [linear, forest]\n"
            "search: {trials: 4, parallel: 2, seed: 3}\n"
        )
        running.run("train", "run", f"{name}.yaml", *more, "--json")
        shown = json.loads(running.run("train", "status", f"{name}-1", "--json"))
        results.append([(one["parameters"], one["value"]) for one in shown["trials"]])
    assert results[0] == results[1]
