"""Batch jobs and training by workers of a real cluster, beside what it serves."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.cluster.harness import BIN, TestCluster

pytestmark = pytest.mark.long
DEADLINE_S = 180.0
ROWS = 200_000


@pytest.fixture(scope="module")
def running(cluster: TestCluster) -> TestCluster:
    """A cluster with a large file of the first example's columns."""
    cluster.start()
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


def workers() -> list[psutil.Process]:
    """Processes of Ray that answer shards now."""
    return [
        one
        for one in psutil.process_iter(["cmdline"])
        if any("ShardWorker" in part for part in one.info["cmdline"] or [])
    ]


def test_a_job_has_the_bytes_of_one_process_though_workers_and_driver_are_killed(
    running: TestCluster,
) -> None:
    running.run(
        *("predict", "diagnosis-logistic@1", "--local", "--data", "rows.parquet", "--out", "here"),
        *("--id", "row", "--shard-rows", "10000"),
    )
    first = subprocess.Popen(
        [str(BIN / "serve-app"), *submit("there")], cwd=running.home, stdout=subprocess.DEVNULL
    )
    ends_s = time.monotonic() + DEADLINE_S
    while len(list((running.home / "there").glob("part-*"))) < 3:
        assert time.monotonic() < ends_s
        assert first.poll() is None
        time.sleep(0.05)
    for worker in workers():
        worker.kill()
    time.sleep(0.5)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    status = json.loads(running.run(*submit("there")))
    assert status["state"] == "SUCCEEDED"
    assert (status["rows_ok"], status["rows_bad"]) == (ROWS, 0)
    assert contents(running.home / "there") == contents(running.home / "here")
    while workers():
        assert time.monotonic() < ends_s
        time.sleep(0.1)


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
