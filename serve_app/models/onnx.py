"""ONNX graphs as they are: inputs become columns, outputs labels, probabilities or tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Signature
from serve_app.errors import (
    ArtifactRejected,
    ConfigError,
    InvalidInput,
    ModelFailed,
    RowsRefused,
)
from serve_app.models import raw_scores
from serve_app.models.compiled.trees import session
from serve_app.models.devices import Device
from serve_app.models.flavour import Flavour, Stored
from serve_app.models.inspect.onnx import check
from serve_app.models.onnx_ends import Graph, GraphSettings, Roles
from serve_app.models.onnx_former import former
from serve_app.models.onnx_rows import GraphRows, feeds

__all__ = ["Graph", "OnnxFlavour", "OnnxModel"]

if TYPE_CHECKING:
    import pandas as pd

MODEL = "model.onnx"
SETTINGS = "settings.json"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class OnnxFlavour(Flavour):
    """Implements the `Flavour` port."""

    is_compiled = True
    knows_columns = True

    def columns(self, estimator: Any) -> tuple[tuple[str, str], ...]:
        """The columns of the graph's inputs; none where those are no table."""
        columns: tuple[tuple[str, str], ...] = estimator.columns
        return columns

    def takes_by_name(self, estimator: Any) -> bool:
        """Whether there are several inputs."""
        return len(estimator.inputs) > 1

    def examined(self, estimator: Any, frame: pd.DataFrame, labels: Sequence[Any]) -> Graph:
        """The graph with what rows show of its outputs."""
        from serve_app.models import onnx_examined  # noqa: PLC0415 - replicas do without pandas

        return onnx_examined.examined(estimator, frame, labels)

    def signature(self, estimator: Any, frame: pd.DataFrame, labels: Sequence[Any]) -> Signature:
        """What the graph takes and gives; raises as the port says."""
        from serve_app.models import onnx_signature  # noqa: PLC0415 - likewise

        return onnx_signature.signature(estimator, frame, labels)

    def owns(self, estimator: Any) -> bool:
        """Whether it is an ONNX graph."""
        return isinstance(estimator, Graph)

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:  # noqa: ARG002
        """Store the graph as it is, with what was found of it; it holds no code.

        Raises:
            InvalidInput: nobody has looked what its outputs are, or it has loops that nobody
                asked for.
        """
        if estimator.settings is None:
            raise InvalidInput("the outputs of this graph have not been examined yet")
        trusted = check(estimator.content, trust)
        return Stored(
            format="onnx",
            trusted_types=trusted,
            files={
                MODEL: estimator.content,
                SETTINGS: json.dumps(estimator.settings.to_json()).encode(),
            },
            libraries={"onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
            parameters={"estimator": "ONNX graph", "inputs": len(estimator.inputs)},
        )

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """What ONNX Runtime makes of a frame; inputs of one column each are fed by their names."""
        settings: GraphSettings = estimator.settings
        named = {str(name): name for name in rows.columns}
        if all(not one.shape and one.name in named for one in settings.inputs):
            rows = rows[[named[one.name] for one in settings.inputs]]
            settings = replace(settings, columns=tuple((at,) for at in range(len(settings.inputs))))
        columns = Columns.of({str(name): rows[name].to_numpy() for name in rows.columns})
        return OnnxModel(session(estimator.content).run, settings, signature.output).predict(
            columns
        )

    def load(
        self,
        files: Mapping[str, bytes],
        *,
        format: str,  # noqa: A002, ARG002 - the manifest's word
        trusted_types: Sequence[str],
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
            check(files[MODEL], trusted_types)
            opened = session(files[MODEL], providers)
            graph_settings = (
                GraphSettings.from_json(settings)
                if "batch" in settings
                else former(settings, opened)
            )
        except InvalidInput as error:
            raise ArtifactRejected(f"{MODEL}: {error.message}", file=MODEL) from error
        except Exception as error:
            msg = f"{MODEL} cannot be loaded ({type(error).__name__})"
            raise ArtifactRejected(msg, file=MODEL) from error
        return OnnxModel(opened.run, graph_settings, signature.output)


class OnnxModel:
    """An ONNX graph behind the `Model` port."""

    def __init__(self, run: Any, settings: GraphSettings, output: Output) -> None:
        self._rows = GraphRows(run, settings.outputs, settings.batch)
        self._settings = settings
        self._roles: Roles = settings.roles
        self._beside = settings.beside
        self._output = output
        self._labels = label_array(output.labels)
        self._number = {label: number for number, label in enumerate(settings.roles.classes)}
        self._prediction = {
            "classification": self._classified, "regression": self._valued, "tensors": self._plain,
        }[settings.roles.kind]  # fmt: skip

    def predict(self, columns: Columns) -> Prediction:
        """What the graph says of every row.

        Raises:
            RowsRefused: a value is none of what an input takes.
            ModelFailed: ONNX Runtime refused the rows, or did not answer each of them.
        """
        return self._nothing() if columns.rows == 0 else self._prediction(self._computed(columns))

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """What the graph says of every row, with its raw scores; raises as `predict` does.

        Raises:
            InvalidInput: it has none.
        """
        if self._roles.scores is None:
            raise raw_scores.none_of("an ONNX graph without decision scores among its outputs")
        if columns.rows == 0:
            nothing = self._nothing()
            scores = raw_scores.of_no_rows(self._output)
            return Prediction(nothing.values, nothing.probabilities, scores, nothing.tensors)
        outputs = self._computed(columns)
        prediction = self._prediction(outputs)
        scores = outputs[self._roles.scores].reshape(columns.rows, -1)
        if self._roles.score is not None:
            scores = scores[:, self._roles.score]
        return Prediction(prediction.values, prediction.probabilities, scores, prediction.tensors)

    def transform(self, columns: Columns) -> Columns:  # noqa: ARG002
        """Raises ModelFailed: graphs predict."""
        raise ModelFailed("an ONNX graph predicts and does not transform")

    def _computed(self, columns: Columns) -> dict[str, Array]:
        settings = self._settings
        try:
            return self._rows(feeds(columns, settings.inputs, settings.columns))
        except (RowsRefused, ModelFailed):
            raise
        except Exception as error:
            msg = f"the ONNX graph refused the rows ({type(error).__name__})"
            raise ModelFailed(msg) from error

    def _classified(self, outputs: Mapping[str, Array]) -> Prediction:
        roles = self._roles
        shares: Array | None = None
        if roles.shares:
            parts = [outputs[name].reshape(len(outputs[name]), -1) for name in roles.shares]
            shares = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
            if shares.shape[1] == 1 and len(self._labels) == 2:
                shares = np.concatenate([1 - shares, shares], axis=1)
        if roles.label is not None:
            # The graph's own word: it may decide otherwise than by the largest probability.
            numbers = self._numbers(outputs[roles.label])
        elif shares is not None:
            numbers = np.argmax(shares, axis=1)
        else:
            numbers = np.argmax(outputs[str(roles.scores)], axis=1)
        return Prediction(self._labels.take(numbers), shares, tensors=self._named(outputs))

    def _numbers(self, labels: Array) -> Any:
        try:
            return [self._number[label] for label in labels.reshape(-1).tolist()]
        except KeyError as error:
            msg = f"the ONNX graph gave the class {error.args[0]!r}, which it did not name before"
            raise ModelFailed(msg) from None

    def _valued(self, outputs: Mapping[str, Array]) -> Prediction:
        values = outputs[str(self._roles.values)]
        flat = values.reshape(len(values), -1)
        plain = flat[:, 0] if flat.shape[1] == 1 else flat
        return Prediction(plain, tensors=self._named(outputs))

    def _plain(self, outputs: Mapping[str, Array]) -> Prediction:
        rows = len(next(iter(outputs.values())))
        return Prediction(np.full(rows, None, dtype=object), tensors=self._named(outputs))

    def _named(self, outputs: Mapping[str, Array]) -> dict[str, Array] | None:
        return {name: outputs[name] for name in self._beside} or None

    def _nothing(self) -> Prediction:
        output = self._output
        tensors = {
            one.name: np.empty(
                (0, *(size or 0 for size in one.shape)),
                object if one.dtype == "string" else one.column.dtype,
            )
            for one in self._settings.outputs
            if one.name in self._beside
        } or None
        if output.kind == "tensors":
            return Prediction(np.empty(0, dtype=object), tensors=tensors)
        if output.kind == "regression":
            shape = 0 if output.width == 1 else (0, output.width)
            return Prediction(np.empty(shape, np.float32), tensors=tensors)
        empty = np.empty((0, len(output.labels)), np.float32) if output.probabilities else None
        return Prediction(self._labels[:0], empty, tensors=tensors)
