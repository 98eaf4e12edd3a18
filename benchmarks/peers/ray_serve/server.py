"""Plain Ray Serve: one deployment behind its default proxy, as its documentation shows it.

Settings: one replica per core, none of which reserves a whole core, so that proxy and
controller fit beside them; `BENCH_BATCHED=1` uses `serve.batch` without a wait; no access
log, warnings only, no dashboard; one thread per replica computes (`OMP_NUM_THREADS=1`).
"""

import os
import signal
from itertools import pairwise
from typing import Any

import joblib
import numpy as np
import pandas as pd
import ray
from ray import serve
from ray.serve.config import HTTPOptions
from ray.serve.schema import LoggingConfig
from starlette.requests import Request

BATCHED = os.environ.get("BENCH_BATCHED") == "1"


@serve.deployment(
    num_replicas=int(os.environ["BENCH_WORKERS"]),
    max_ongoing_requests=128,
    ray_actor_options={"num_cpus": 0.5},
)
class Census:
    """The trained Pipeline."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    async def __call__(self, request: Request) -> dict[str, Any]:
        """The probabilities of both classes, per row."""
        rows = (await request.json())["instances"]
        if BATCHED:
            found = await self.together(rows)
        else:
            found = self.model.predict_proba(pd.DataFrame(rows))
        return {"probabilities": found.tolist()}

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.0)
    async def together(self, requests: list[list[dict[str, Any]]]) -> list[Any]:
        """The probabilities of what waits, in one call."""
        ends = np.cumsum([0, *map(len, requests)])
        frame = pd.DataFrame([row for rows in requests for row in rows])
        found = self.model.predict_proba(frame)
        return [found[start:end] for start, end in pairwise(ends)]


if __name__ == "__main__":
    ray.init(
        address="local",
        num_cpus=os.cpu_count(),
        include_dashboard=False,
        object_store_memory=200 * 1024 * 1024,
        log_to_driver=False,
        _temp_dir=os.environ["BENCH_TEMPORARY"],
    )
    quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)
    serve.start(
        http_options=HTTPOptions(host="127.0.0.1", port=int(os.environ["BENCH_PORT"])),
        logging_config=quiet,
    )
    application = Census.bind()  # type: ignore[attr-defined]
    serve.run(application, logging_config=quiet)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
