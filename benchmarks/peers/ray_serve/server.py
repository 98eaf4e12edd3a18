"""Plain Ray Serve: one deployment behind its default proxies, as its documentation shows it.

Settings: one replica per core, none of which reserves a whole core, so that proxy and
controller fit beside them; `BENCH_BATCHED=1` uses `serve.batch` without a wait; no access
log, warnings only, no dashboard; one thread per replica computes (`OMP_NUM_THREADS=1`). For
gRPC replicas get the bytes of a request, which costs less than the pickled message.
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
from ray.serve.config import HTTPOptions, gRPCOptions
from ray.serve.schema import LoggingConfig
from starlette.requests import Request

from benchmarks.peers import typed

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
        found = await self.predicted(rows)
        return {"probabilities": found.tolist()}

    async def ModelInfer(self, body: bytes) -> Any:  # noqa: N802 - gRPC's method
        """The same over gRPC, in typed tensors."""
        request = typed.REQUEST.FromString(body)
        return typed.answer(request, await self.predicted(typed.rows(request)))

    async def predicted(self, rows: list[dict[str, Any]]) -> Any:
        """The probabilities of a request, alone or with what waits beside it."""
        if BATCHED:
            return await self.together(rows)
        return self.model.predict_proba(pd.DataFrame(rows))

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
        grpc_options=gRPCOptions(
            port=int(os.environ["BENCH_GRPC_PORT"]),
            grpc_servicer_functions=["benchmarks.peers.ray_serve.rpc.add_to_server"],
        ),
        logging_config=quiet,
    )
    application = Census.bind()  # type: ignore[attr-defined]
    serve.run(application, logging_config=quiet)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
