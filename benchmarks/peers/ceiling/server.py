"""The ceiling: what Python can do on this machine for this one model and nothing else.

A raw ASGI application, orjson, the Pipeline taken apart by hand (a dictionary per string
column, arithmetic on numbers as scikit-learn does it) and its trees as one ONNX graph. No
validation, no routing, no versions, no framework.

Settings: uvicorn with uvloop and httptools, no access log, no interval of headers to add,
one worker per core; onnxruntime computes with one thread in the caller's own.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FOLDER = Path(os.environ["BENCH_ONNX"])
COLUMNS = orjson.loads((FOLDER / "columns.json").read_bytes())
NUMBERS = COLUMNS["numbers"]
MEDIANS = COLUMNS["medians"]
MEANS = np.array(COLUMNS["means"])
SCALES = np.array(COLUMNS["scales"])

POSITIONS: dict[str, dict[str, int]] = {}
WIDTH = len(NUMBERS)
for column, known in COLUMNS["categories"].items():
    POSITIONS[column] = {name: WIDTH + index for index, name in enumerate(known)}
    WIDTH += len(known)

_options = ort.SessionOptions()
_options.intra_op_num_threads = 1
_options.inter_op_num_threads = 1
_session = ort.InferenceSession(
    str(FOLDER / "trees.onnx"), _options, providers=["CPUExecutionProvider"]
)
_names = [one.name for one in _session.get_outputs()][1:]


def predicted(rows: list[dict[str, Any]]) -> Any:
    """The probabilities of both classes, per row."""
    matrix = np.zeros((len(rows), WIDTH), dtype=np.float32)
    numbers = np.array([[row[name] for name in NUMBERS] for row in rows], dtype=np.float64)
    if np.isnan(numbers).any():
        numbers = np.where(np.isnan(numbers), MEDIANS, numbers)
    matrix[:, : len(NUMBERS)] = (numbers - MEANS) / SCALES
    for index, row in enumerate(rows):
        for name, positions in POSITIONS.items():
            position = positions.get(row[name])
            if position is not None:
                matrix[index, position] = 1.0
    return _session.run(_names, {"x": matrix})[0]


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer every request as a prediction."""
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return
    parts: list[bytes] = []
    while True:
        event = await receive()
        parts.append(event.get("body", b""))
        if not event.get("more_body"):
            break
    rows = orjson.loads(b"".join(parts))["instances"]
    body = orjson.dumps({"probabilities": predicted(rows)}, option=orjson.OPT_SERIALIZE_NUMPY)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
