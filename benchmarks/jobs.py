"""How long `POST /v1/jobs` takes until the job is on the disk, with many in the ledger.

`python -m benchmarks.jobs` fills a ledger with `--ledger` jobs that have ended, lets a gateway
listen, and submits `--jobs` others one after the other, as a client of this machine that keeps its
connection. Beside it stands the time of a write of the same disk. Exit code 1 where the goal is
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import uvicorn
from sklearn.linear_model import LogisticRegression

from serve_app.batch.inputs import Input
from serve_app.batch.job import Job
from serve_app.batch.ledger import FILE, Ledger
from serve_app.batch.shards import Shard
from serve_app.config.jobs import JobsSettings
from serve_app.core.durable import connect, transaction
from serve_app.engine.batch.desk import FOLDER, desk_of
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.job_door import JobDoor
from serve_app.gateway.middleware import Edge
from serve_app.registry.store import Registry

GOAL_MS = 30.0
SHARDS = 20
ROWS = 100
START_S = 20.0


def filled(home: Path, jobs: int) -> None:
    """A ledger of jobs that have ended, of 20 shards each."""
    ledger = Ledger(home / "state" / FOLDER / FILE, clock=time.time)
    for number in range(jobs):
        file = Input(f"old-{number}.csv", "csv", 100, "1", "0" * 64, SHARDS, ("a",))
        job = Job("churn@1", "1" * 64, (file,), str(home / "out" / f"old-{number}"))
        ledger.submit(job, [Shard(one, 0, one, 1, one, one + 1) for one in range(SHARDS)])
        ledger.move(job.id, "SUCCEEDED", only_from="QUEUED")


def registered(home: Path) -> Registry:
    """A registry with the version that jobs are of."""
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(draw.normal(size=(200, 2)), columns=["age", "visits"])
    registry = Registry(str(home / "registry"))
    fitted = LogisticRegression().fit(frame, frame["age"] > 0)
    register(registry, Candidate("churn", fitted, frame))
    return registry


@contextmanager
def listening(home: Path, registry: Registry, jobs: int) -> Iterator[str]:
    """The address of a gateway that takes jobs."""
    settings = JobsSettings(
        inputs=(str(home / "in"),),
        outputs=str(home / "out"),
        state=str(home / "state"),
        max_unfinished=jobs + 1,
    )
    door = JobDoor(desk_of(settings, registry, clock=time.time))
    predictor = Predictor(clock=time.monotonic, ids=lambda: "id")
    app = build(predictor, Settings(max_body_bytes=10_000, max_rows=50), door=door)
    # As gateways stand: without it the second half of an answer waits for 40 ms until the client
    # has acknowledged the first.
    server = uvicorn.Server(uvicorn.Config(Edge(app), log_level="critical"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=[server.serve([listener])])
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_S)
        listener.close()


def submitted_ms(address: str, home: Path, jobs: int) -> list[float]:
    """How long each submission took, in milliseconds."""
    lines = "".join(f"{row},{row / 7}\n" for row in range(ROWS))
    (home / "in").mkdir()
    (home / "in" / "rows.csv").write_text(f"age,visits\n{lines}")
    took = []
    with httpx.Client(base_url=address, timeout=START_S) as client:
        for number in range(jobs):
            order = {"model": "churn@1", "input": "rows.csv", "output": f"new-{number}"}
            began_s = time.perf_counter()
            answer = client.post("/v1/jobs", json=order)
            took.append(1000 * (time.perf_counter() - began_s))
            if answer.status_code != 202:
                sys.exit(f"job {number} was not taken: {answer.status_code} {answer.text}")
    return took


def written_ms(home: Path, times: int) -> list[float]:
    """How long a row of SQLite takes until it is on the same disk, in milliseconds."""
    took = []
    with closing(connect(home / "plain.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE one (number INTEGER)")
        for number in range(times):
            began_s = time.perf_counter()
            with transaction(connection):
                connection.execute("INSERT INTO one VALUES (?)", (number,))
            took.append(1000 * (time.perf_counter() - began_s))
    return took


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print JSON, and say by the exit code whether the goal was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=int, default=1000, help="jobs that have ended")
    parser.add_argument("--jobs", type=int, default=300, help="jobs to submit")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        filled(home, given.ledger)
        with listening(home, registered(home), given.jobs) as address:
            took = submitted_ms(address, home, given.jobs)
        write = written_ms(home, given.jobs)
    p50, p99 = (float(value) for value in np.percentile(took, [50, 99]))
    report = {
        "in_ledger": given.ledger,
        "submitted": given.jobs,
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "goal_ms": GOAL_MS,
        "row_on_the_disk_p50_ms": round(float(np.percentile(write, 50)), 2),
        "row_on_the_disk_p99_ms": round(float(np.percentile(write, 99)), 2),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
    }
    print(json.dumps(report, indent=2))
    return 0 if p99 <= GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
