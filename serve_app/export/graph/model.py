"""A whole compiled program as one ONNX graph, and that graph as a model that is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

import serve_app
from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Signature
from serve_app.export.graph import numbers, scores
from serve_app.export.graph.builder import (
    IR_VERSION,
    ML_OPSET,
    OPSET,
    TEXT,
    Builder,
    Matrix,
    NoForm,
    Table,
    matrix,
    onnx_type,
    written,
)
from serve_app.models.compiled.model import Program
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.compiled.trees import session

FORMS_IN = (numbers, scores)
"""The modules that say how operations are written."""
LABEL, PROBABILITIES, VALUES = "label", "probabilities", "values"


def graph_of(program: Operation, signature: Signature, name: str) -> bytes:
    """A model with an input per column, and `label` and `probabilities`, or `values`.

    Raises:
        NoForm: a step has no form in ONNX; names it.
    """
    builder = Builder()
    whole = program if isinstance(program, Program) else Program(program)
    if signature.output.targets or signature.output.kind == "tensors":
        raise NoForm("a model of several targets has no ONNX form here")
    x = Table(tuple(builder.input(column) for column in signature.inputs))
    linked = matrix(written(chain(whole.scores, whole.link), x, builder), whole)
    outputs = [_named(*one, builder) for one in _outputs(whole, linked, signature, builder)]
    graph = helper.make_graph(builder.nodes, name, builder.inputs, outputs, builder.constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name="serve-app",
        producer_version=serve_app.__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _outputs(
    whole: Program, linked: Matrix, signature: Signature, builder: Builder
) -> list[tuple[str, Matrix]]:
    if whole.classes is None:
        return [(VALUES, linked)]
    classes = matrix(written(whole.classes, linked, builder), whole)
    labels = label_array(signature.output.labels)
    if labels.dtype == TEXT and not all(isinstance(one, str) for one in labels):
        raise NoForm("labels of several types have no ONNX form")
    name = builder.node("Gather", builder.constant(labels), classes.name, axis=0)
    outputs = [(LABEL, Matrix(name, labels.dtype, None))]
    if whole.probabilities is not None:
        shares = matrix(written(whole.probabilities, linked, builder), whole)
        outputs.append((PROBABILITIES, shares))
    return outputs


def _named(name: str, value: Matrix, builder: Builder) -> Any:
    builder.nodes.append(helper.make_node("Identity", [value.name], [name]))
    shape = [None] if value.width is None else [None, value.width]
    return helper.make_tensor_value_info(name, onnx_type(value.dtype), shape)


class GraphModel:
    """Answers by a graph alone, as ONNX Runtime computes it."""

    def __init__(self, content: bytes, signature: Signature) -> None:
        self._signature = signature
        self._session = session(content)
        self._types = {one.name: one.type for one in self._session.get_inputs()}

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row."""
        given = self._run(columns)
        if LABEL in given:
            values = given[LABEL]
            return Prediction(values.reshape(-1), given.get(PROBABILITIES))
        values = given[VALUES]
        return Prediction(values.reshape(-1) if self._signature.output.width == 1 else values)

    def transform(self, columns: Columns) -> Columns:
        """Transform every row."""
        names = tuple(column.name for column in self._signature.output.columns)
        return Columns.from_block(names, self._run(columns)[VALUES])

    def _run(self, columns: Columns) -> dict[str, Array]:
        given = {
            column.name: _given(array, self._types[column.name])
            for column, array in zip(self._signature.inputs, columns.arrays, strict=True)
        }
        names = [one.name for one in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, given), strict=True))


def _given(array: Array, kind: str) -> Array:
    if kind == "tensor(string)":
        texts = ["" if value is None else str(value) for value in array.tolist()]
        return np.array(texts, dtype=object).reshape(-1, 1)
    dtype = {"tensor(float)": "float32", "tensor(double)": "float64"}.get(kind)
    numbers_ = array.astype(dtype or kind.removeprefix("tensor(").removesuffix(")"))
    return numbers_.reshape(-1, 1)
