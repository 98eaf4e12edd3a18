"""A LitServe API that takes a DataFrame, as its documentation shows it.

Settings: `workers_per_device` is one per core; one API server, LitServe's default for one
model; the fast queue; `BENCH_BATCHED=1` puts what waits into one batch without an
artificial wait (`batch_timeout=0`); no access log; one thread per worker computes
(`OMP_NUM_THREADS=1`).
"""

import os
from itertools import pairwise
from typing import Any

import joblib
import litserve as ls
import numpy as np
import pandas as pd

BATCHED = os.environ.get("BENCH_BATCHED") == "1"


class Census(ls.LitAPI):
    """The trained Pipeline."""

    def setup(self, device: str) -> None:
        """Load it."""
        del device
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    def decode_request(self, request: dict[str, Any]) -> Any:
        """Make the rows a frame, or leave them as rows for a batch."""
        return request["instances"] if BATCHED else pd.DataFrame(request["instances"])

    def predict(self, frame: Any) -> Any:
        """The probabilities of both classes, per row."""
        if not BATCHED:
            return self.model.predict_proba(frame)
        ends = np.cumsum([0, *map(len, frame)])
        found = self.model.predict_proba(pd.DataFrame([row for rows in frame for row in rows]))
        return [found[start:end] for start, end in pairwise(ends)]

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Leave requests apart: they have rows of their own."""
        return inputs

    def unbatch(self, output: list[Any]) -> list[Any]:
        """One answer per request."""
        return output

    def encode_response(self, output: Any) -> dict[str, Any]:
        """The answer as JSON values."""
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    api = Census(api_path="/predict", max_batch_size=64 if BATCHED else 1, batch_timeout=0.0)
    server = ls.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
        timeout=60,
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
