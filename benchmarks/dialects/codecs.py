"""Microseconds that a dialect needs to read one row and to write the answer, without HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from benchmarks.dialects.bodies import ROW, Asked, Matrix, Row, as_bytes, as_json
from serve_app.core.messages import Answer, Prediction, Request, Response
from serve_app.core.schema import Policy, Schema
from serve_app.core.signature import Column
from serve_app.protocols.dialect import Call, Dialect
from serve_app.protocols.dialects import (
    azure_ml,
    invocations,
    kserve_v1,
    native,
    seldon,
    tf_serving,
    torchserve,
    vertex,
)
from serve_app.protocols.oip import v2 as oip_v2

DIALECTS: dict[str, Dialect] = {
    "our own": native.DIALECT,
    "Open Inference V2": oip_v2.DIALECT,
    "TensorFlow Serving": tf_serving.PREDICT,
    "KServe V1": kserve_v1.DIALECT,
    "TorchServe": torchserve.DIALECT,
    "MLflow": invocations.MLFLOW,
    "SageMaker": invocations.SAGEMAKER,
    "Vertex AI": vertex.DIALECT,
    "Azure ML": azure_ml.DIALECT,
    "Seldon V1": seldon.DIALECT,
}
ROUNDS, TIMES = 15, 2000


def row_us(row: Row) -> dict[str, float]:
    """By dialect: reading and writing one row; the median over rounds in turn."""
    names = tuple(row)
    columns = tuple(Column(name, "float64") for name in names)
    answer = Answer(Prediction(np.array([1.5])), ("row@1",))

    def turn(name: str) -> Callable[[], None]:
        dialect, asked = DIALECTS[name], ROW[name](row, "row")
        call = Call(asked.body, names, 10, asked.headers, columns)

        def once() -> None:
            payload = dialect.decode(call)
            request = Request("row", payload, "r-1", headers=asked.headers)
            dialect.encode(Response(request, "p-1", 1, answer, ()))

        return once

    turns = {name: turn(name) for name in DIALECTS}
    taken: dict[str, list[float]] = {name: [] for name in DIALECTS}
    for _ in range(ROUNDS):
        for name, once in turns.items():
            taken[name].append(_time_s(once, TIMES) / TIMES * 1e6)
    return {name: median(found) for name, found in taken.items()}


def matrix_ms(matrix: Matrix, names: Sequence[str]) -> dict[str, float]:
    """Reading a matrix, holding it against a schema, writing the answer: JSON and bytes."""
    columns = tuple(Column(name, "float64") for name in names)
    schema = Schema(columns, Policy.from_json({}))
    answer = Answer(Prediction(matrix[:, 0]), ("wide@1",))

    def turn(asked: Asked) -> Callable[[], None]:
        call = Call(asked.body, tuple(names), len(matrix), asked.headers, columns)

        def once() -> None:
            payload = oip_v2.DIALECT.decode(call)
            schema.validate(payload.columns, payload.rows)
            request = Request("wide", payload, "r-1", headers=asked.headers)
            oip_v2.DIALECT.encode(Response(request, "p-1", 1, answer, ()))

        return once

    turns = {"JSON": turn(as_json("", matrix)), "bytes": turn(as_bytes("", matrix))}
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(ROUNDS):
        for name, once in turns.items():
            taken[name].append(_time_s(once, 3) / 3 * 1e3)
    return {name: median(found) for name, found in taken.items()}


def _time_s(once: Callable[[], None], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        once()
    return time.perf_counter() - started
