"""ONNX graphs as they are: inputs become columns, outputs labels, probabilities or values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Signature
from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput, ModelFailed
from serve_app.models import raw_scores
from serve_app.models.compiled.trees import session
from serve_app.models.devices import Device
from serve_app.models.flavour import Stored

if TYPE_CHECKING:
    import pandas as pd

MODEL = "model.onnx"
SETTINGS = "settings.json"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
    "tensor(string)": "string",
}


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph with what is known of its ends; see `models/onnx_graph.py`, which reads files.

    `inputs` are name, dtype and width of each, `roles` say which output is the `label`,
    which the `probabilities` and which the `values`.
    """

    content: bytes
    inputs: tuple[tuple[str, str, int], ...]
    roles: Mapping[str, str]
    classes: tuple[Any, ...]

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The name and dtype of every column; those of a matrix are numbered from 0."""
        found: list[tuple[str, str]] = []
        for name, dtype, width in self.inputs:
            plain = "float32" if dtype == "float16" else dtype
            if width == 1:
                found.append((name, plain))
            else:
                prefix = "x" if len(self.inputs) == 1 else f"{name}_"
                found.extend((f"{prefix}{number}", plain) for number in range(width))
        return tuple(found)


class OnnxFlavour:
    """Implements the `Flavour` port."""

    def owns(self, estimator: Any) -> bool:
        """Whether it is an ONNX graph."""
        return isinstance(estimator, Graph)

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:  # noqa: ARG002
        """Store the graph as it is; it holds no code."""
        settings = {
            "inputs": [list(one) for one in estimator.inputs],
            "roles": dict(estimator.roles),
            "classes": list(estimator.classes),
        }
        return Stored(
            format="onnx",
            files={MODEL: estimator.content, SETTINGS: json.dumps(settings).encode()},
            libraries={"onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
            parameters={"estimator": "ONNX graph", "inputs": len(estimator.inputs)},
        )

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """What ONNX Runtime makes of the columns of a frame, by the names of the graph's inputs."""
        settings = {
            "inputs": [list(one) for one in estimator.inputs],
            "roles": dict(estimator.roles),
            "classes": list(estimator.classes),
        }
        run = session(estimator.content).run
        columns = Columns.of({str(name): rows[name].to_numpy() for name in rows.columns})
        return OnnxModel(run, settings, signature).predict(columns)

    def load(
        self,
        files: Mapping[str, bytes],
        *,
        format: str,  # noqa: A002, ARG002 - the manifest's word
        trusted_types: Sequence[str],  # noqa: ARG002
        signature: Signature,
        allow_pickle: bool,  # noqa: ARG002
        device: Device = "cpu",
    ) -> OnnxModel:
        """Load what `dump` stored; on a GPU, ONNX Runtime's CUDA provider computes.

        Raises:
            ArtifactRejected: it cannot be read.
            ConfigError: this ONNX Runtime has no CUDA provider.
        """
        if device == "cuda" and CUDA not in onnxruntime.get_available_providers():
            msg = "this onnxruntime has no CUDA provider; install onnxruntime-gpu in its place"
            raise ConfigError(msg)
        providers = (CUDA, CPU) if device == "cuda" else (CPU,)
        try:
            settings = json.loads(files[SETTINGS])
            run = session(files[MODEL], providers).run
        except Exception as error:
            msg = f"{MODEL} cannot be loaded ({type(error).__name__})"
            raise ArtifactRejected(msg, file=MODEL) from error
        return OnnxModel(run, settings, signature)


class OnnxModel:
    """An ONNX graph behind the `Model` port."""

    def __init__(self, run: Any, settings: Mapping[str, Any], signature: Signature) -> None:
        self._run = run
        self._inputs = [(name, dtype, width) for name, dtype, width in settings["inputs"]]
        self._roles = settings["roles"]
        self._outputs = list(self._roles.values())
        self._output = signature.output
        self._labels = label_array(signature.output.labels)
        self._number = {label: number for number, label in enumerate(settings["classes"])}

    def predict(self, columns: Columns) -> Prediction:
        """What the graph says of every row.

        Raises:
            ModelFailed: ONNX Runtime refused the rows.
        """
        if columns.rows == 0:
            return self._nothing()
        try:
            said = dict(
                zip(self._roles, self._run(self._outputs, self._feeds(columns)), strict=True)
            )
            return self._prediction(said)
        except Exception as error:
            msg = f"the ONNX graph refused the rows ({type(error).__name__})"
            raise ModelFailed(msg) from error

    def predict_with_scores(self, columns: Columns) -> Prediction:  # noqa: ARG002
        """Raises InvalidInput: what a graph does not put out, nobody can ask of it."""
        raise raw_scores.none_of("an ONNX graph")

    def transform(self, columns: Columns) -> Columns:  # noqa: ARG002
        """Raises ModelFailed: graphs predict."""
        raise ModelFailed("an ONNX graph predicts and does not transform")

    def _prediction(self, said: Mapping[str, Array]) -> Prediction:
        if "values" in said:
            values = said["values"]
            flat = values.reshape(len(values), -1)
            return Prediction(flat[:, 0] if flat.shape[1] == 1 else flat)
        probabilities = None
        numbers: Any = None
        if "probabilities" in said:
            probabilities = said["probabilities"].reshape(len(said["probabilities"]), -1)
            if probabilities.shape[1] == 1:
                probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
            numbers = np.argmax(probabilities, axis=1)
        if "label" in said:
            # The graph's own word: it may decide otherwise than by the largest probability.
            numbers = [self._number[label] for label in said["label"].reshape(-1).tolist()]
        return Prediction(self._labels.take(numbers), probabilities)

    def _feeds(self, columns: Columns) -> dict[str, Array]:
        feeds: dict[str, Array] = {}
        at = 0
        arrays = columns.arrays
        for name, dtype, width in self._inputs:
            wanted: Any = object if dtype == "string" else dtype
            if len(self._inputs) == 1 and columns.block is not None:
                block = columns.block
            else:
                block = np.column_stack([np.asarray(a) for a in arrays[at : at + width]])
            feeds[name] = np.ascontiguousarray(_text(block) if wanted is object else block, wanted)
            at += width
        return feeds

    def _nothing(self) -> Prediction:
        output = self._output
        if output.kind == "regression":
            shape = 0 if output.width == 1 else (0, output.width)
            return Prediction(np.empty(shape, np.float32))
        empty = np.empty((0, len(output.labels)), np.float32) if output.probabilities else None
        return Prediction(self._labels[:0], empty)


def _text(block: Array) -> Array:
    """Text with an empty word for every gap: ONNX knows no gaps in text."""
    filled = np.empty(block.shape, dtype=object)
    filled[:] = [["" if value is None else value for value in row] for row in block.tolist()]
    return filled


def outputs(graph: Graph, labels: Sequence[Any]) -> tuple[str, tuple[Any, ...], bool, int]:
    """The kind of a graph's output, its labels, whether it gives probabilities, its width.

    Raises:
        InvalidInput: it gives classes, but which ones it does not say.
    """
    if "values" in graph.roles:
        width = int(session(graph.content).get_outputs()[0].shape[-1] or 1)
        return "regression", (), False, width
    classes = graph.classes or tuple(range(len(labels)))
    if not classes:
        msg = "the graph gives classes, but does not say which; name them with --labels"
        raise InvalidInput(msg)
    return "classification", classes, "probabilities" in graph.roles, 1
