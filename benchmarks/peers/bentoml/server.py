"""A BentoML service that takes a DataFrame, as its documentation shows it.

Settings: one worker per core; `BENCH_BATCHED=1` turns on adaptive batching, BentoML's own
answer to many small requests; no access log, no metrics, no tracing; one thread per worker
computes (`OMP_NUM_THREADS=1`).
"""

from __future__ import annotations

import os
from typing import Any

import bentoml
import joblib
import numpy as np
import pandas as pd

BATCHED = os.environ.get("BENCH_BATCHED") == "1"
# BentoML 1.4.39 cannot tell how many rows a DataFrame in a batch has; of a list it can.
Rows = list[dict[str, Any]] if BATCHED else pd.DataFrame


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
    def predict(self, instances: Rows) -> np.ndarray:  # type: ignore[valid-type]
        """The probabilities of both classes, per row."""
        return self.model.predict_proba(pd.DataFrame(instances) if BATCHED else instances)
