"""Takes the trained Pipeline apart: its trees as one ONNX graph, the rest as plain numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import orjson
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType


def convert(model: Path, folder: Path) -> None:
    """Write `trees.onnx` and `columns.json` for the server."""
    fitted = joblib.load(model)
    columns, trees = fitted.named_steps["columns"], fitted.named_steps["trees"]
    numbers = columns.named_transformers_["numbers"]
    imputer, scaler = numbers.named_steps["simpleimputer"], numbers.named_steps["standardscaler"]
    encoder = columns.named_transformers_["categories"]
    names = [list(part[2]) for part in columns.transformers_[:2]]
    width = len(columns.get_feature_names_out())
    graph = convert_xgboost(trees, initial_types=[("x", FloatTensorType([None, width]))])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trees.onnx").write_bytes(graph.SerializeToString())
    described = {
        "numbers": names[0],
        "medians": imputer.statistics_.tolist(),
        "means": scaler.mean_.tolist(),
        "scales": scaler.scale_.tolist(),
        "categories": {
            name: list(map(str, known))
            for name, known in zip(names[1], encoder.categories_, strict=True)
        },
    }
    (folder / "columns.json").write_bytes(orjson.dumps(described))


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
