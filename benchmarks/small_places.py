"""Figures of places without a cluster: a function of AWS Lambda, and a wheel on a device."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

from benchmarks import edge, functions
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

ROUNDS = 5
KINDS = ("linear", "forest")


@lru_cache
def of_lambda(kind: str) -> tuple[float, float]:
    """Seconds from a fresh process to its first answer, and milliseconds of a row later."""
    with tempfile.TemporaryDirectory() as folder:
        estimator = functions.models()[kind]
        measured = functions.compare(kind, estimator, (functions.OURS,), ROUNDS, Path(folder))
    return measured[functions.OURS]


@lru_cache
def of_wheel(kind: str) -> edge.Figures:
    """The wheel of a version, whose trees are computed by ONNX Runtime."""
    frame, label = functions.table_of(2000)
    estimator = functions.models()[kind].fit(frame, label)
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder)
        register(registry, Candidate(kind, estimator, frame))
        return edge.figures(registry, f"{kind}@1", "onnxruntime", ROUNDS)


def wheel_beyond_kb(kind: str) -> float:
    """Kilobytes of a wheel beyond 1.2 times what it computes with."""
    wheel = of_wheel(kind)
    return max(0.0, wheel.wheel_bytes - 1.2 * wheel.compiled_bytes) / 1000
