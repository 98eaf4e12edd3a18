"""The Pipeline taken apart: a dictionary per string column, arithmetic, trees as one ONNX graph."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson

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


def answered(body: bytes) -> bytes:
    """The answer to a body of row objects."""
    rows = orjson.loads(body)["instances"]
    return orjson.dumps({"probabilities": predicted(rows)}, option=orjson.OPT_SERIALIZE_NUMPY)
