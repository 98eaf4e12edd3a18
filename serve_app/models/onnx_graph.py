"""Reads ONNX files: their ends, and what their nodes say of what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import onnx
from onnx import helper

from serve_app.errors import InvalidInput
from serve_app.models.compiled.trees import session
from serve_app.models.inspect.onnx import check
from serve_app.models.library_errors import reason
from serve_app.models.onnx_ends import DTYPES, Graph, GraphInput
from serve_app.models.onnx_nodes import Nodes, named_classes


def read_graph(content: bytes, trust: Sequence[str] = ()) -> Graph:
    """The graph in a file; `trust` names loops and conditions that are asked for (`onnx.Loop`).

    Raises:
        InvalidInput: it is no ONNX file, or it takes or gives what no request can hold.
    """
    check(content, trust)
    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:
        msg = f"it is no ONNX model that can be read ({reason(error)})"
        raise InvalidInput(msg) from error
    classes = _without_maps(model)
    content = model.SerializeToString()
    try:
        opened = session(content)
    except Exception as error:
        msg = f"ONNX Runtime does not load the graph ({reason(error)})"
        raise InvalidInput(msg) from error
    outputs = tuple((one.name, _output(one)) for one in opened.get_outputs())
    nodes = Nodes(model.graph)
    return Graph(
        content,
        tuple(_input(one) for one in opened.get_inputs()),
        outputs,
        classes or nodes.classes([name for name, _ in outputs]),
        nodes.hints([name for name, _ in outputs]),
    )


def _input(one: Any) -> GraphInput:
    dtype = DTYPES.get(one.type)
    if dtype is None:
        raise InvalidInput(f"input {one.name!r} is a {one.type}, which no request can hold")
    if not one.shape:
        msg = f"input {one.name!r} is a single value and has no place for rows"
        raise InvalidInput(msg)
    sizes = tuple(size if isinstance(size, int) and size > 0 else None for size in one.shape)
    return GraphInput(one.name, dtype, sizes[1:], sizes[0])


def _output(one: Any) -> str:
    plain = one.type.removeprefix("seq(").removesuffix(")") if "seq(" in one.type else one.type
    if plain not in DTYPES:
        raise InvalidInput(f"output {one.name!r} is a {one.type}, which no answer can hold")
    return str(one.type)


def _without_maps(model: Any) -> tuple[Any, ...]:
    """Let the numbers through that nodes turn into maps; gives the classes that they name."""
    graph = model.graph
    classes: tuple[Any, ...] = ()
    outputs = {one.name: one for one in graph.output}
    used = Counter(name for node in graph.node for name in node.input)
    for place, node in enumerate(graph.node):
        if node.op_type != "ZipMap" or used[node.output[0]]:
            continue
        named = named_classes(node)
        classes = classes or named
        given = outputs.get(node.output[0])
        if given is not None:
            given.CopyFrom(
                helper.make_tensor_value_info(
                    given.name, onnx.TensorProto.FLOAT, [None, len(named) or None]
                )
            )
        passed = helper.make_node("Identity", list(node.input), list(node.output), name=node.name)
        graph.node.insert(place, passed)
        graph.node.remove(node)
    return classes
