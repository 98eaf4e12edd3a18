"""Hostile ONNX graphs: refused in words before ONNX Runtime sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

from serve_app.errors import InvalidInput
from serve_app.models.files import read_model
from serve_app.models.inspect import onnx as onnx_files
from serve_app.models.inspect.protobuf import packed

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 4)).astype(np.float32)


def _graph(
    nodes: Sequence[Any], constants: Sequence[Any] = (), shape: Sequence[Any] = ("n", 4)
) -> Any:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(constants),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def _constant(name: str, values: Any, kind: type = np.int64) -> Any:
    return numpy_helper.from_array(np.array(values, kind), name)


def _node(operator: str, *inputs: str, outputs: Sequence[str] = ("y",), **attributes: Any) -> Any:
    return helper.make_node(operator, list(inputs), list(outputs), **attributes)


def _outside(location: str, where: str = "initializer") -> Callable[[], Any]:
    def make() -> Any:
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "16")):
            tensor.external_data.add(key=key, value=value)
        if where == "initializer":
            return _graph([_node("Add", "x", "w")], [tensor])
        constant = _node("Constant", outputs=["w"], value=tensor)
        return _graph([constant, _node("Add", "x", "w")])

    return make


def _doubling(operator: str) -> Callable[[], Any]:
    """A constant of 1,000 numbers that is doubled forty times."""

    def make() -> Any:
        nodes, last = [], "c"
        for step in range(40):
            name = f"c{step}"
            if operator == "Concat":
                nodes.append(_node("Concat", last, last, outputs=[name], axis=0))
            else:
                nodes.append(_node("Tile", last, "two", outputs=[name]))
            last = name
        constants = [_constant("c", np.ones(1000), np.float32), _constant("two", [2])]
        return _graph([*nodes, _node("Add", "x", last)], constants)

    return make


def _outer() -> Any:
    """A column of 100,000 numbers, added to a row of as many."""
    column = _constant("a", np.ones((100_000, 1)), np.float32)
    row = _constant("b", np.ones((1, 100_000)), np.float32)
    nodes = [_node("Add", "a", "b", outputs=["c"]), _node("Add", "x", "c")]
    return _graph(nodes, [column, row])


def _inner(operator: str) -> Callable[[], Any]:
    def make() -> Any:
        body = helper.make_graph(
            [_node("Identity", "x", outputs=["z"])],
            "body",
            [],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        )
        attributes = (
            {"then_branch": body, "else_branch": body} if operator == "If" else {"body": body}
        )
        condition = _constant("c", True, np.bool_)
        return _graph([_node(operator, "c", **attributes)], [condition])

    return make


def _scans() -> Any:
    model = _inner("Scan")()
    onnx_files.check(model.SerializeToString())
    inner = _inner("Scan")().graph
    model.graph.node[0].attribute[0].g.node.append(inner.node[0])
    return model


def _functions() -> Any:
    model = _graph([_node("Identity", "x")])
    function = helper.make_function(
        "own", "f", ["a"], ["b"], [helper.make_node("Identity", ["a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    model.functions.append(function)
    return model


def _short(size: int) -> Callable[[], Any]:
    def make() -> Any:
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size])
        tensor.raw_data = bytes(16)
        return _graph([_node("Add", "x", "w")], [tensor])

    return make


def _sparse() -> Any:
    model = _graph([_node("Add", "x", "s")])
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(_constant("s", [1.0], np.float32))
    sparse.indices.CopyFrom(_constant("i", [0]))
    sparse.dims.extend([10**10])
    return model


HUGE = [3 * 10**9]
GRAPHS: dict[str, tuple[Callable[[], Any], str]] = {
    "outside, beside": (_outside("weights.bin"), "'w' keeps its numbers in another file"),
    "outside, above": (_outside("../weights.bin"), "keeps its numbers in another file"),
    "outside, absolute": (_outside("/etc/passwd"), "keeps its numbers in another file"),
    "outside, nowhere": (_outside(""), "keeps its numbers in another file"),
    "outside, in a node": (_outside("weights.bin", "node"), "keeps its numbers in another file"),
    "constant of shape": (
        lambda: _graph(
            [_node("ConstantOfShape", "s", outputs=["c"]), _node("Add", "x", "c")],
            [_constant("s", HUGE)],
        ),
        r"node 0 \(ConstantOfShape\) makes a tensor of 11444 MiB",
    ),
    "constant of a node's shape": (
        lambda: _graph(
            [
                _node("Constant", outputs=["s"], value=_constant("", HUGE)),
                _node("ConstantOfShape", "s", outputs=["c"]),
                _node("Add", "x", "c"),
            ]
        ),
        "makes a tensor of 11444 MiB",
    ),
    "expand": (
        lambda: _graph([_node("Expand", "x", "s")], [_constant("s", [10**9, 4])]),
        r"node 0 \(Expand\) makes a tensor",
    ),
    "tile": (
        lambda: _graph([_node("Tile", "x", "s")], [_constant("s", [10**9, 1])]),
        r"node 0 \(Tile\) makes a tensor",
    ),
    "range": (
        lambda: _graph(
            [
                _node("Range", "a", "b", "c", outputs=["r"]),
                _node("Add", "x", "r"),
            ],
            [_constant(n, v) for n, v in (("a", 0), ("b", 10**12), ("c", 1))],
        ),
        r"node 0 \(Range\)|keeps|makes a tensor",
    ),
    "pad": (
        lambda: _graph([_node("Pad", "x", "p")], [_constant("p", [0, 0, 10**9, 0])]),
        r"node 0 \(Pad\) makes a tensor",
    ),
    "random": (
        lambda: _graph(
            [_node("RandomNormal", outputs=["r"], shape=[10**10]), _node("Add", "x", "r")]
        ),
        r"node 0 \(RandomNormal\) makes a tensor",
    ),
    "concat": (_doubling("Concat"), r"\(Concat\) makes a tensor"),
    "tiles": (_doubling("Tile"), r"\(Tile\) makes a tensor"),
    "outer sum": (_outer, r"node 0 \(Add\) makes a tensor of 38146 MiB"),
    "sparse": (_sparse, "a sparse constant has the shape"),
    "if": (_inner("If"), "add --trust onnx.If"),
    "loop": (_inner("Loop"), "add --trust onnx.Loop"),
    "scan in a scan": (_scans, "add --trust onnx.Scan"),
    "domain": (
        lambda: _graph([_node("Evil", "x", domain="com.evil")]),
        "is of the domain 'com.evil'",
    ),
    "functions": (_functions, "functions of its own"),
    "shorter than it says": (_short(10**6), "has 16 bytes in place of 4000000"),
    "negative size": (_short(-4), r"has the shape \[-4\]"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_hostile_graph_is_refused_in_words(name: str, tmp_path: Path) -> None:
    make, words = GRAPHS[name]
    path = tmp_path / "model.onnx"
    path.write_bytes(make().SerializeToString())
    (tmp_path / "weights.bin").write_bytes(bytes(64))
    with pytest.raises(InvalidInput, match=words) as caught:
        read_model(path)
    assert str(path) in caught.value.message


@cache
def trees(classifier: bool) -> bytes:
    target = ROWS[:, 0] + ROWS[:, 1] ** 2
    model: Any = (
        RandomForestClassifier(3, max_depth=4, random_state=0).fit(ROWS, target > 1)
        if classifier
        else GradientBoostingRegressor(n_estimators=3, random_state=0).fit(ROWS, target)
    )
    content: bytes = to_onnx(model, ROWS[:1], options={"zipmap": False} if classifier else None)
    return content.SerializeToString()  # type: ignore[attr-defined]


TREES = {
    "child": ("nodes_truenodeids", 0, 10**6, r"its left child"),
    "other child": ("nodes_falsenodeids", 0, 10**6, r"its right child"),
    "cycle": ("nodes_truenodeids", 1, 0, r"the child of several"),
    "column": ("nodes_featureids", 0, 10**6, "asks for column 1000000"),
    "negative column": ("nodes_featureids", 0, -1, "asks for column -1"),
    "twice": ("nodes_nodeids", 1, 0, "same number"),
    "number": ("nodes_nodeids", 0, 2**40, "out of range"),
}


@pytest.mark.parametrize("classifier", [True, False])
@pytest.mark.parametrize("name", TREES)
def test_hostile_trees_in_a_graph_are_refused(name: str, classifier: bool, tmp_path: Path) -> None:
    key, at, value, words = TREES[name]
    model = onnx.load_from_string(trees(classifier))
    onnx_files.check(trees(classifier))
    node = next(one for one in model.graph.node if one.op_type.startswith("TreeEnsemble"))
    next(one for one in node.attribute if one.name == key).ints[at] = value
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InvalidInput, match=words):
        read_model(path)


@pytest.mark.parametrize("key", ["nodes_truenodeids", "nodes_featureids", "nodes_modes"])
def test_lists_of_other_lengths_are_refused(key: str) -> None:
    model = onnx.load_from_string(trees(True))
    node = next(one for one in model.graph.node if one.op_type.startswith("TreeEnsemble"))
    attribute = next(one for one in node.attribute if one.name == key)
    del (attribute.strings if key == "nodes_modes" else attribute.ints)[-1]
    with pytest.raises(InvalidInput, match=f"{key} has"):
        onnx_files.check(model.SerializeToString())


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, as Protocol Buffers write it."""
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
    return bytes([number << 3 | 2]) + length + content


def test_an_attribute_of_two_names_is_refused() -> None:
    """Its readers take the last name."""
    attribute = _field(1, b"nodes_hitrates")
    attribute += helper.make_attribute("nodes_truenodeids", [0]).SerializeToString()
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml")
    graph = _field(1, node.SerializeToString() + _field(5, attribute))
    with pytest.raises(InvalidInput, match="'nodes_hitrates' of a node is there twice"):
        onnx_files.check(_field(7, graph))


def test_two_graphs_that_would_be_one_are_refused() -> None:
    model = _graph([_node("ConstantOfShape", "s", outputs=["c"]), _node("Add", "x", "c")])
    rest = onnx.ModelProto()
    rest.graph.initializer.append(_constant("s", HUGE))
    merged = model.SerializeToString() + rest.SerializeToString()
    assert [one.name for one in onnx.load_from_string(merged).graph.initializer] == ["s"]
    with pytest.raises(InvalidInput, match="its graph twice"):
        onnx_files.check(merged)


def test_two_tensors_that_would_be_one_are_refused() -> None:
    constant = _node("Constant", outputs=["s"], value=_constant("", [1]))
    attribute = constant.attribute[0].SerializeToString()
    attribute += _field(5, TensorProto(int64_data=[3 * 10**9]).SerializeToString())
    constant.ClearField("attribute")
    graph = _field(1, constant.SerializeToString() + _field(5, attribute))
    with pytest.raises(InvalidInput, match="'value' of a node is there twice"):
        onnx_files.check(_field(7, graph))


def test_very_many_targets_of_one_tree_are_refused() -> None:
    model = onnx.load_from_string(trees(False))
    node = next(one for one in model.graph.node if one.op_type == "TreeEnsembleRegressor")
    next(one for one in node.attribute if one.name == "n_targets").i = 3 * 10**8
    with pytest.raises(InvalidInput, match="makes a tensor of 1144 MiB"):
        onnx_files.check(model.SerializeToString())


def test_what_is_asked_for_is_read(tmp_path: Path) -> None:
    content = _inner("If")().SerializeToString()
    assert onnx_files.check(content, ["onnx.If"]) == ("onnx.If",)
    assert onnx_files.check(content, ["onnx.*"]) == ("onnx.If",)
    with pytest.raises(InvalidInput, match=r"onnx\.If"):
        onnx_files.check(content, ["onnx.Loop"])


def test_every_cut_of_a_graph_is_refused_or_read() -> None:
    content = trees(True)
    for length in range(0, len(content), max(1, len(content) // 200)):
        with suppress(InvalidInput):
            assert onnx_files.check(content[:length]) == ()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40))
def test_packed_numbers_are_read_as_protobuf_writes_them(values: list[int]) -> None:
    written = TensorProto(int64_data=values).SerializeToString()
    (whole,) = [TensorProto.FromString(written)]
    body = written[written.find(b"\x3a") :] if values else b""
    size = len(body) and next(n for n in range(2, 4) if body[n - 1] < 0x80)
    assert packed(memoryview(body[size:] if values else b"")).tolist() == list(whole.int64_data)
