"""The same row in every JSON dialect, and the same matrix as JSON and as bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.wire import build_request

Matrix = npt.NDArray[np.float64]


class Asked(NamedTuple):
    """A path, a body for it, and its headers."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    def request(self) -> bytes:
        """The bytes of the request."""
        return build_request("POST", self.path, self.headers, self.body)


Row = Mapping[str, float]
_JSON = {"content-type": "application/json"}


def _asked(path: str, document: Any) -> Asked:
    return Asked(path, json.dumps(document).encode(), _JSON)


def _tensors(row: Row) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in row.items()
    ]


ROW: Mapping[str, Callable[[Row, str], Asked]] = {
    "our own": lambda row, to: _asked(f"/v1/models/{to}:predict", {"instances": [dict(row)]}),
    "Open Inference V2": lambda row, to: _asked(
        f"/v2/models/{to}/infer", {"inputs": _tensors(row)}
    ),
    "TensorFlow Serving": lambda row, to: _asked(
        f"/tfs/v1/models/{to}:predict", {"instances": [dict(row)]}
    ),
    "KServe V1": lambda row, to: _asked(
        f"/kserve/v1/models/{to}:predict", {"instances": [dict(row)]}
    ),
    "TorchServe": lambda row, to: _asked(f"/torchserve/predictions/{to}", dict(row)),
    "MLflow": lambda row, to: _asked(
        f"/endpoints/{to}/invocations",
        {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
    ),
    "SageMaker": lambda row, to: _asked(f"/sagemaker/models/{to}/invoke", [list(row.values())]),
    "Vertex AI": lambda row, to: _asked(
        f"/v1/projects/p/locations/l/endpoints/{to}:predict", {"instances": [dict(row)]}
    ),
    "Azure ML": lambda row, _: _asked("/azureml/score", {"data": [dict(row)]}),
    "Seldon V1": lambda row, to: _asked(
        f"/seldon/space/{to}/api/v1.0/predictions",
        {"data": {"names": list(row), "ndarray": [list(row.values())]}},
    ),
}
"""One row in every JSON dialect, to an endpoint; Azure ML's asks the default one."""


def as_json(path: str, matrix: Matrix) -> Asked:
    """A matrix as one V2 tensor of numbers in JSON."""
    tensor = {"name": "x", "shape": list(matrix.shape), "datatype": "FP64"}
    flat = matrix.reshape(-1).tolist()
    return _asked(path, {"inputs": [{**tensor, "data": flat}]})


def as_bytes(path: str, matrix: Matrix) -> Asked:
    """A matrix as one V2 tensor whose bytes follow the JSON; the answer in bytes too."""
    content = matrix.tobytes()
    tensor = {
        "name": "x",
        "shape": list(matrix.shape),
        "datatype": "FP64",
        "parameters": {"binary_data_size": len(content)},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    length = {"inference-header-content-length": str(len(head))}
    return Asked(path, head + content, {"content-type": "application/octet-stream", **length})


def rows(names: Sequence[str], count: int, seed: int = 5) -> list[Row]:
    """Different rows, always the same ones."""
    values = np.random.default_rng(seed).normal(50, 10, (count, len(names))).round(3)
    return [dict(zip(names, row, strict=True)) for row in values.tolist()]
