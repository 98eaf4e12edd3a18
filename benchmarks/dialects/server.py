"""The gateway without Ray: `python -m benchmarks.dialects.server REGISTRY PORT`.

What Ray adds to each request is the same for all dialects, and would hide what they differ by.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence

import uvicorn

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.middleware import Edge, RequestIds
from serve_app.registry.store import Registry
from serve_app.serving.allocator import keep_freed

ENDPOINTS = ("row", "wide")


def main(arguments: Sequence[str]) -> None:
    """Serve the first version of each endpoint's model, until ended."""
    folder, port = arguments
    registry = Registry(folder)
    models = {f"{name}@1": load(registry, name, 1).model for name in ENDPOINTS}
    local = LocalModels(models, clock=time.monotonic)
    assembler = Assembler(replicas=local, inline=local, clock=time.monotonic)
    routes = {name: {"route": {"kind": "single", "model": f"{name}@1"}} for name in ENDPOINTS}
    declared = ControlSettings.model_validate({"endpoints": routes})
    numbers = itertools.count(1)
    predictor = Predictor(clock=time.monotonic, ids=lambda: f"id-{next(numbers)}")
    endpoints = declare(declared, registry.manifest).checked()
    predictor.swap(assembler.stages(Snapshot(1, "benchmark", endpoints)))
    keep_freed()
    settings = Settings(64 * 1024 * 1024, 100_000, default_endpoint=ENDPOINTS[0])
    app = Edge(RequestIds(build(predictor, settings), ids=lambda: f"r-{next(numbers)}"))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
