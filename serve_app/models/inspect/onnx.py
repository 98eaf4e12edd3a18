"""ONNX graphs: no numbers elsewhere, no code of others, no tensor that fills the memory.

The schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3. ONNX Runtime allocates what
an operator's constant asks for, and walks trees without looking where a child leads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import AGAIN
from serve_app.models.inspect.onnx_shapes import broadcast_shape, grown_shape, range_shape
from serve_app.models.inspect.onnx_trees import check_trees
from serve_app.models.inspect.protobuf import Message, packed, signed

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAX_BYTES = 64 * 2**20
"""What a tensor may take that no row has a part in."""
MAX_NESTING = 8
_LOOPS = frozenset({"If", "Loop", "Scan", "SequenceMap"})
# Bytes of each element by ONNX's number of its type; texts and others count as 8.
_WIDTHS = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
_LARGEST_CONSTANT = 10_000
_HELD = frozenset({5, 6, 10, 11, 22, 23})  # the tensors and graphs of an attribute


@dataclass(frozen=True, slots=True)
class Tensor:
    """A constant: its name, its shape, bytes per element, and its values where they are few."""

    name: str
    shape: tuple[int, ...]
    width: int
    values: Array | None = None


@dataclass(slots=True)
class Node:
    """An operator with the attributes that are looked at."""

    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Message] = field(default_factory=dict)

    def integers(self, name: str) -> Array:
        """A list of whole numbers; none where there is no such attribute."""
        match = self.attributes.get(name)
        return np.empty(0, np.int64) if match is None else match.integers(8)

    def number(self, name: str) -> int:
        """A whole number; 0 where there is no such attribute."""
        match = self.attributes.get(name)
        values = [] if match is None else [v for n, v in match.fields() if n == 3]
        return signed(values[-1]) if values and isinstance(values[-1], int) else 0


def check(content: bytes, trust: Sequence[str] = ()) -> tuple[str, ...]:
    """Let only a graph pass that holds all that it needs, and is bounded.

    `trust` names operators that are asked for: `onnx.Loop`, `onnx.If`, and `onnx.Scan` where one
    stands in another. Those of them that the graph has come back.

    Raises:
        InvalidInput: it is another graph; says which node or tensor.
    """
    trusted: set[str] = set()
    graphs = 0
    for number, value in Message(memoryview(content)).fields():
        if number == 7 and not isinstance(value, int):
            graphs += 1
            if graphs > 1:
                # Its readers make one of both, which nobody has looked through.
                raise InvalidInput(f"it holds its graph twice; {AGAIN}")
            _Graph(frozenset(trust), trusted).check(value, 0)
        elif number == 25 and not isinstance(value, int):
            raise InvalidInput("it holds functions of its own; inline them (onnx.inliner)")
    return tuple(sorted(trusted))


class _Graph:
    """One graph, with the graphs in its nodes."""

    def __init__(self, trust: frozenset[str], trusted: set[str]) -> None:
        self._trust = trust
        self._trusted = trusted
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._constants: dict[str, Array] = {}

    def check(self, content: memoryview, nesting: int) -> None:
        """Look at every tensor and node; raises InvalidInput."""
        if nesting > MAX_NESTING:
            raise InvalidInput(f"more than {MAX_NESTING} of its graphs stand in each other")
        nodes: list[memoryview] = []
        for number, value in Message(content).fields():
            if isinstance(value, int):
                continue
            if number == 1:
                nodes.append(value)
            elif number == 5:
                self._keep(_tensor(value), None)
            elif number == 11:
                self._input(value)
            elif number == 15:
                _check_sparse(value)
        for place, one in enumerate(nodes):
            self._node(_node(one), place, nesting)

    def _keep(self, tensor: Tensor, name: str | None) -> None:
        known = tensor.name if name is None else name
        self._shapes[known] = tensor.shape
        if tensor.values is not None:
            self._constants[known] = tensor.values

    def _input(self, content: memoryview) -> None:
        """An input's shape; what a request decides counts as one."""
        name, shape = "", None
        for number, value in Message(content).fields():
            if number == 1 and not isinstance(value, int):
                name = _text(value)
            elif number == 2 and not isinstance(value, int):
                shape = _shape_of(value)
        if shape is not None and name not in self._shapes:
            self._shapes[name] = shape

    def _node(self, node: Node, place: int, nesting: int) -> None:
        where = f"node {place} ({node.operator[:40]})"
        if node.domain not in DOMAINS:
            msg = f"{where} is of the domain {node.domain[:60]!r}; known are ai.onnx and ai.onnx.ml"
            raise InvalidInput(msg)
        # A Scan ends with its input, and converters make one of neighbours' distances; those in
        # each other multiply.
        if node.operator in _LOOPS and (node.operator != "Scan" or nesting):
            name = f"onnx.{node.operator}"
            if name not in self._trust and "onnx.*" not in self._trust:
                msg = (
                    f"{where} decides itself how much it computes; if you trust the graph, add "
                    f"--trust {name} (from Python: trust=[{name!r}])"
                )
                raise InvalidInput(msg, types=[name])
            self._trusted.add(name)
        for attribute in node.attributes.values():
            self._attribute(node, attribute, nesting)
        if node.operator.startswith("TreeEnsemble"):
            width = self._shapes.get(node.inputs[0] if node.inputs else "", ())
            check_trees(node.integers, _texts(node, "nodes_modes"), where, width)
            _check_size((node.number("n_targets"),), where)
        self._infer(node, where)

    def _attribute(self, node: Node, attribute: Message, nesting: int) -> None:
        # Long lists of numbers are passed over.
        for number, value in attribute.parts(_HELD):
            if number in {6, 11}:
                _Graph(self._trust, self._trusted).check(value, nesting + 1)
            elif number in {5, 10}:
                tensor = _tensor(value)
                if node.operator == "Constant" and node.outputs:
                    self._keep(tensor, node.outputs[0])
            elif number in {22, 23}:
                _check_sparse(value)

    def _infer(self, node: Node, where: str) -> None:
        """What the first output takes, as far as constants say it."""
        shape = self._shape(node)
        if shape is None or not node.outputs:
            return
        _check_size(shape, where)
        self._shapes.setdefault(node.outputs[0], shape)

    def _shape(self, node: Node) -> tuple[int, ...] | None:
        shapes = [self._shapes.get(name) for name in node.inputs]
        given = [self._constants.get(name) for name in node.inputs]
        first = shapes[0] if shapes else None
        operator = node.operator
        if operator == "ConstantOfShape" or operator.startswith("Random"):
            sizes = given[0] if given else node.integers("shape")
            return None if sizes is None else _sizes(sizes)
        if operator == "Expand" and len(given) > 1 and given[1] is not None:
            return broadcast_shape([first or (1,), _sizes(given[1])])
        if operator == "Tile" and len(given) > 1 and given[1] is not None:
            times = _sizes(given[1])
            base = first if first is not None and len(first) == len(times) else (1,) * len(times)
            return tuple(a * b for a, b in zip(base, times, strict=True))
        if operator == "Range" and len(given) == 3:
            return range_shape(given)
        if operator in {"Pad", "OneHot", "Resize", "Upsample"}:
            return grown_shape(operator, first, given)
        return _combined(node, shapes)


def _check_size(shape: tuple[int, ...], where: str) -> None:
    size = math.prod(shape) * 4
    if size > MAX_BYTES:
        msg = (
            f"{where} makes a tensor of {size // 2**20} MiB whatever the rows are "
            f"(shape {list(shape)[:8]}), and may make {MAX_BYTES // 2**20} MiB"
        )
        raise InvalidInput(msg)


def _combined(node: Node, shapes: Sequence[tuple[int, ...] | None]) -> tuple[int, ...] | None:
    """The shape of operators that combine tensors of known shapes."""
    known = [one for one in shapes if one is not None]
    first = known[0] if known else None
    if node.operator in {
        "Identity",
        "Cast",
        "Relu",
        "Neg",
        "Abs",
        "Sqrt",
        "Exp",
        "Sigmoid",
        "Tanh",
    }:
        return first
    if len(known) != len(shapes) or first is None:
        return None
    if node.operator == "Concat" and len({len(one) for one in known}) == 1:
        axis = node.number("axis")
        if -len(first) <= axis < len(first):
            joined = list(first)
            joined[axis] = sum(one[axis] for one in known)
            return tuple(joined)
    if node.operator in {"Add", "Sub", "Mul", "Div", "Where", "Max", "Min", "Sum", "Pow"}:
        return broadcast_shape(known)
    if node.operator in {"MatMul", "Gemm"} and all(len(one) == 2 for one in known[:2]):
        return (max(known[0]), max(known[1])) if node.operator == "Gemm" else (
            known[0][0], known[1][1],
        )  # fmt: skip
    return None


def _sizes(values: Array) -> tuple[int, ...]:
    return tuple(max(0, int(one)) for one in values.tolist())


def _node(content: memoryview) -> Node:
    node = Node()
    for number, value in Message(content).fields():
        if isinstance(value, int):
            continue
        if number in {1, 2}:
            (node.inputs if number == 1 else node.outputs).append(_text(value))
        elif number == 4:
            node.operator = _text(value)
        elif number == 7:
            node.domain = _text(value)
        elif number == 5:
            attribute = Message(value)
            name = _once(attribute)
            if name in node.attributes:
                raise InvalidInput(f"a node has the attribute {name[:40]!r} twice; {AGAIN}")
            node.attributes[name] = attribute
    return node


def _once(attribute: Message) -> str:
    """The name of an attribute; raises InvalidInput where what stands once in it does so twice.

    Its readers take the last name, and make one of two tensors.
    """
    numbers = [number for number, _ in attribute.parts(frozenset({1, 5, 6, 22}))]
    name = attribute.first(1)
    if len(set(numbers)) < len(numbers):
        raise InvalidInput(f"the attribute {name[:40]!r} of a node is there twice; {AGAIN}")
    return name


def _texts(node: Node, name: str) -> list[bytes]:
    match = node.attributes.get(name)
    return [] if match is None else match.texts()


def _tensor(content: memoryview) -> Tensor:
    """A tensor; raises InvalidInput where its numbers are elsewhere, or not as many as it says."""
    message, name = Message(content), ""
    dims: list[int] = []
    typed: dict[int, Array] = {}
    kind, raw = 0, None
    for number, value in message.fields():
        if number == 1:
            dims += packed(value).tolist() if not isinstance(value, int) else [signed(value)]
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8 and not isinstance(value, int):
            name = _text(value)
        elif number == 9 and not isinstance(value, int):
            raw = value
        elif number in {5, 7} and not isinstance(value, int):
            typed[number] = packed(value)
        elif number == 13 or (number == 14 and value == 1):
            msg = (
                f"the tensor {name[:60]!r} keeps its numbers in another file, which nothing holds "
                "against its digest; save the graph with all its tensors inside"
            )
            raise InvalidInput(msg)
    if any(size < 0 for size in dims):
        raise InvalidInput(f"the tensor {name[:60]!r} has the shape {dims[:8]}; {AGAIN}")
    width, count = _WIDTHS.get(kind, 8), math.prod(dims)
    if raw is not None and len(raw) != count * width:
        msg = f"the tensor {name[:60]!r} has {len(raw)} bytes in place of {count * width}"
        raise InvalidInput(f"{msg}; {AGAIN}")
    return Tensor(name, tuple(dims), width, _values(kind, count, raw, typed))


def _values(kind: int, count: int, raw: memoryview | None, typed: dict[int, Array]) -> Array | None:
    if count > _LARGEST_CONSTANT:
        return None
    numpy_type = {1: "<f4", 6: "<i4", 7: "<i8", 11: "<f8"}.get(kind)
    if raw is not None and numpy_type is not None:
        return np.frombuffer(raw, numpy_type)
    return typed.get(7 if kind == 7 else 5)


def _check_sparse(content: memoryview) -> None:
    """A sparse constant is made dense: it may take no more than any other."""
    dims: list[int] = []
    for number, value in Message(content).fields():
        if number in {1, 2} and not isinstance(value, int):
            _tensor(value)
        elif number == 3:
            dims += packed(value).tolist() if not isinstance(value, int) else [signed(value)]
    if any(size < 0 for size in dims) or math.prod(dims) * 8 > MAX_BYTES:
        raise InvalidInput(f"a sparse constant has the shape {dims[:8]}, which is too large")


def _shape_of(kind: memoryview) -> tuple[int, ...] | None:
    """The shape in a type, sizes that a request decides counted as one; None of no tensor."""
    for number, tensor in Message(kind).parts(frozenset({1})):
        for _, shape in Message(tensor).parts(frozenset({2})):
            sizes = []
            for _, size in Message(shape).parts(frozenset({1})):
                known = [v for n, v in Message(size).fields() if n == 1 and isinstance(v, int)]
                sizes.append(max(1, signed(known[0])) if known else 1)
            return tuple(sizes)
        return None if number else ()
    return None


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", "replace")
