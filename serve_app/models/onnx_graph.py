"""Reads ONNX files: what their inputs and outputs are, and what stands in the way of serving."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnx import helper

from serve_app.errors import InvalidInput
from serve_app.models.compiled.trees import session
from serve_app.models.onnx import DTYPES, Graph

_CLASSES = (
    "classlabels_int64s",
    "classlabels_ints",
    "classlabels_strings",
)


def read_graph(content: bytes) -> Graph:
    """The graph in a file.

    Raises:
        InvalidInput: it is no ONNX file, or its ends are not those of a tabular model.
    """
    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:
        msg = f"it is no ONNX model that can be read ({type(error).__name__}: {error})"
        raise InvalidInput(msg) from error
    classes = _without_maps(model)
    classes = classes or _classes(model)
    content = model.SerializeToString()
    try:
        opened = session(content)
    except Exception as error:
        msg = f"ONNX Runtime does not load the graph ({type(error).__name__}: {error})"
        raise InvalidInput(msg) from error
    inputs = tuple(_input(one) for one in opened.get_inputs())
    roles = _roles(opened.get_outputs(), classes)
    return Graph(content, inputs, roles, classes)


def empty_frame(graph: Graph) -> pd.DataFrame:
    """A frame without rows that has the columns of a graph, for lack of training data."""
    return pd.DataFrame(
        {
            name: pd.Series([], dtype=object if dtype == "string" else dtype)
            for name, dtype in graph.columns
        }
    )


def _input(one: Any) -> tuple[str, str, int]:
    dtype = DTYPES.get(one.type)
    if dtype is None or len(one.shape) not in {1, 2}:
        msg = f"input {one.name!r} is a {one.type} of {len(one.shape)} dimensions, no table"
        raise InvalidInput(msg)
    width = 1 if len(one.shape) == 1 else one.shape[1]
    if not isinstance(width, int):
        msg = f"input {one.name!r} does not say how many columns it has"
        raise InvalidInput(msg)
    return one.name, dtype, width


def _roles(outputs: Any, classes: tuple[Any, ...]) -> dict[str, str]:
    numbers = [one for one in outputs if one.type in {"tensor(float)", "tensor(double)"}]
    words = [one for one in outputs if one.type in {"tensor(int64)", "tensor(string)"}]
    roles: dict[str, str] = {}
    if words:
        roles["label"] = words[0].name
        if numbers:
            roles["probabilities"] = numbers[0].name
    elif numbers:
        likely = "prob" in numbers[0].name.lower() or bool(classes)
        roles["probabilities" if likely else "values"] = numbers[0].name
    if not roles:
        said = ", ".join(f"{one.name}: {one.type}" for one in outputs)
        msg = f"the outputs ({said}) are neither labels nor numbers"
        raise InvalidInput(msg)
    return roles


def _without_maps(model: Any) -> tuple[Any, ...]:
    """Take away the nodes that turn probabilities into maps; gives the classes they name."""
    graph = model.graph
    classes: tuple[Any, ...] = ()
    for node in [one for one in graph.node if one.op_type == "ZipMap"]:
        classes = _named(node)
        kept = [one for one in graph.output if one.name != node.output[0]]
        del graph.output[:]
        graph.output.extend(kept)
        shape = [None, len(classes) or None]
        graph.output.append(
            helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, shape)
        )
        graph.node.remove(node)
    return classes


def _classes(model: Any) -> tuple[Any, ...]:
    for node in model.graph.node:
        found = _named(node)
        if found:
            return found
    return ()


def _named(node: Any) -> tuple[Any, ...]:
    for attribute in node.attribute:
        if attribute.name in _CLASSES:
            values = helper.get_attribute_value(attribute)
            said = [v.decode() if isinstance(v, bytes) else int(v) for v in np.asarray(values)]
            if said:
                return tuple(said)
    return ()
