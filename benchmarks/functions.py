"""AWS Lambda: how soon a fresh process answers, and how long a row takes once it runs.

`python -m benchmarks.functions` runs Lambda's own runtime client with our handler, and beside it
with scikit-learn and a pickle, in turn, for a linear model and a forest.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.lambda_api import RuntimeApi, function
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

ROUNDS = 7
WARM = 500
OURS = "serve_app.standalone.aws_lambda.handler"
PICKLED = "benchmarks.pickled_function.handler"


def models() -> dict[str, Any]:
    """Estimators by name, not fitted yet."""
    return {
        "linear": make_pipeline(StandardScaler(), LogisticRegression()),
        "forest": RandomForestClassifier(n_estimators=100, max_depth=8, random_state=0),
    }


def table_of(rows: int) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Ten columns of numbers, and a class that follows from them."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(rows, 10)), columns=[f"c{i}" for i in range(10)])
    return frame, (frame["c0"] + frame["c1"] ** 2 > 1).to_numpy()


def event_of(name: str, row: Mapping[Any, Any]) -> dict[str, Any]:
    """A function URL's event with one row."""
    path = f"/v1/models/{name}:predict"
    http = {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "example"},
        "requestContext": {"http": http},
        "body": json.dumps({"instances": [row]}),
        "isBase64Encoded": False,
    }


def measure(handler: str, environ: Mapping[str, str], event: Any, log: Path) -> tuple[float, float]:
    """Seconds from a process to its first answer, and the median milliseconds of those after."""
    with RuntimeApi() as api:
        started = time.perf_counter()
        with function(api, handler, environ, log):
            first = api.invoke(event)
            first_s = time.perf_counter() - started
            assert first.value.get("statusCode") == 200, first.body
            took_s = [api.invoke(event).took_s for _ in range(WARM)]
    return first_s, statistics.median(took_s) * 1000


def compare(
    name: str, estimator: Any, handlers: Sequence[str], rounds: int, folder: Path
) -> dict[str, tuple[float, float]]:
    """Medians of the seconds to the first answer and the milliseconds later, by handler."""
    frame, label = table_of(2000)
    estimator.fit(frame, label)
    registry, pickled = folder / "registry", folder / f"{name}.pickle"
    register(Registry(str(registry)), Candidate(name, estimator, frame))
    pickled.write_bytes(pickle.dumps(estimator))
    environ = {
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "SERVE_APP_REGISTRY": str(registry),
        "SERVE_APP_MODEL": f"{name}@1",
        "PICKLED_MODEL": str(pickled),
    }
    event = event_of(name, frame.iloc[0].to_dict())
    # In turn, so that a busy machine is one for all.
    taken = [
        [measure(handler, environ, event, folder / "log") for handler in handlers]
        for _ in range(rounds)
    ]
    return {
        handler: (
            statistics.median(first_s for first_s, _ in figures),
            statistics.median(later_ms for _, later_ms in figures),
        )
        for handler, figures in zip(handlers, zip(*taken, strict=True), strict=True)
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both handlers in turn, and print medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.functions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--handler", default=OURS, help="the one that is held against the pickle")
    given = parser.parse_args(arguments)
    printed = Table(title=f"one row by a function URL's event, medians of {given.rounds}")
    for head in ("model", "handler", "first answer s", "later ms"):
        printed.add_column(head)
    with tempfile.TemporaryDirectory() as folder:
        for name, estimator in models().items():
            figures = compare(name, estimator, (given.handler, PICKLED), given.rounds, Path(folder))
            for handler, (first_s, later_ms) in figures.items():
                printed.add_row(name, handler, f"{first_s:.2f}", f"{later_ms:.2f}")
    Console(width=110).print(printed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
