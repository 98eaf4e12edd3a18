"""How each server wants its rows and says its probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers.model import COLUMNS, NUMBERS, Rows

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The path of predictions, a body of rows, and the probabilities that an answer holds."""

    path: str
    encode: Callable[[Rows], bytes]
    decode: Callable[[bytes], Numbers]


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _objects(rows: Rows) -> bytes:
    return _json({"instances": rows})


def _split(rows: Rows) -> bytes:
    data = [[row[name] for name in COLUMNS] for row in rows]
    return _json({"dataframe_split": {"columns": list(COLUMNS), "data": data}})


def _tensors(rows: Rows) -> bytes:
    inputs = []
    for name in COLUMNS:
        numeric = name in NUMBERS
        tensor: dict[str, Any] = {
            "name": name,
            "shape": [len(rows), 1],
            "datatype": "FP64" if numeric else "BYTES",
            "data": [row[name] for row in rows],
        }
        if not numeric:
            tensor["parameters"] = {"content_type": "str"}
        inputs.append(tensor)
    return _json(
        {
            "parameters": {"content_type": "pd"},
            "inputs": inputs,
            "outputs": [{"name": "predict_proba"}],
        }
    )


def second(pairs: Any) -> Numbers:
    """Of both classes' probabilities that of the second."""
    found: Numbers = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)[:, 1]
    return found


def _named(key: str) -> Callable[[bytes], Numbers]:
    return lambda body: second(json.loads(body)[key])


OWN = Dialect("/v1/models/census:predict", _objects, _named("probabilities"))
INSTANCES = Dialect("/predict", _objects, _named("probabilities"))
BENTOML = Dialect("/predict", _objects, lambda body: second(json.loads(body)))
MLFLOW = Dialect("/invocations", _split, _named("predictions"))
TENSORS = Dialect(
    "/v2/models/census/infer",
    _tensors,
    lambda body: second(json.loads(body)["outputs"][0]["data"]),
)
