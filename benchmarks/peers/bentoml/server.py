"""A BentoML service that takes a DataFrame, as its documentation shows it.

Settings: one worker per core; `BENCH_BATCHED=1` turns on adaptive batching, BentoML's own
answer to many small requests; no access log, no metrics, no tracing; one thread per worker
computes (`OMP_NUM_THREADS=1`).
"""

from __future__ import annotations

import os

import bentoml
import joblib
import numpy as np
import pandas as pd

BATCHED = os.environ.get("BENCH_BATCHED") == "1"


@bentoml.service(
    workers=int(os.environ["BENCH_WORKERS"]),
    traffic={"timeout": 60, "max_concurrency": 1024},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Census:
    """The trained Pipeline."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    @bentoml.api(batchable=BATCHED, max_batch_size=20_000, max_latency_ms=1000)
    def predict(self, instances: pd.DataFrame) -> np.ndarray:
        """The probabilities of both classes, per row."""
        return self.model.predict_proba(instances)
