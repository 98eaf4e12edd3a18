"""The ends of an ONNX graph: what it takes, what it gives, and what registering found of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from serve_app.core.signature import Column

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
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input. `shape` is that of one row, `batch` how many rows it takes (None: any number)."""

    name: str
    dtype: str
    shape: Shape
    batch: int | None = None

    @property
    def width(self) -> int | None:
        """How many columns of a table it is; none where it is no part of one."""
        if not self.shape:
            return 1
        return self.shape[0] if len(self.shape) == 1 else None

    @property
    def column(self) -> Column:
        """The input as one column of tensors."""
        return Column(self.name, plain(self.dtype), shape=self.shape)


@dataclass(frozen=True, slots=True)
class GraphOutput:
    """An output. `shape` is that of one row, `axis` the one along which the rows lie.

    Without an `axis` the output is the answer to a single row. A sequence of tensors is
    one output (`item` is "all": its tensors lie side by side) or several, by number.
    `source` is what the graph calls it.
    """

    name: str
    dtype: str
    shape: Shape
    source: str
    axis: int | None = 0
    item: int | str | None = None

    @property
    def column(self) -> Column:
        """The output as a column of tensors."""
        return Column(self.name, plain(self.dtype), shape=self.shape)


@dataclass(frozen=True, slots=True)
class Roles:
    """What the outputs of a graph are, as its structure and rows show it.

    `shares` names the outputs that hold probabilities: a matrix, one column per class, or
    with `of_second` the second class alone. `score` is the place of the one raw score in
    its row where the others follow from it.
    """

    kind: str
    label: str | None = None
    shares: tuple[str, ...] = ()
    of_second: bool = False
    scores: str | None = None
    score: int | None = None
    scores_width: int = 0
    values: str | None = None
    width: int = 1
    classes: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """All that a version has to remember of its graph.

    `columns` says which columns of the data make up each input; none where inputs are
    columns of tensors. `batch` is how many rows are computed at once (None: all). `renamed`
    says that classes go by other names than the graph's.
    """

    inputs: tuple[GraphInput, ...]
    outputs: tuple[GraphOutput, ...]
    roles: Roles
    batch: int | None = None
    columns: tuple[tuple[int, ...], ...] | None = None
    by_position: bool = False
    renamed: bool = False

    def to_json(self) -> dict[str, Any]:
        """It as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> GraphSettings:
        """Read what `to_json` wrote."""
        columns = body["columns"]
        roles = Roles(**body["roles"])
        return cls(
            inputs=tuple(
                replace(GraphInput(**one), shape=tuple(one["shape"])) for one in body["inputs"]
            ),
            outputs=tuple(
                replace(GraphOutput(**one), shape=tuple(one["shape"])) for one in body["outputs"]
            ),
            roles=replace(roles, shares=tuple(roles.shares), classes=tuple(roles.classes)),
            batch=body["batch"],
            columns=None if columns is None else tuple(tuple(one) for one in columns),
            by_position=body["by_position"],
            renamed=body["renamed"],
        )

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The graph's names of what predictions hold as it is."""
        roles = self.roles
        label = None if self.renamed else roles.label
        names = [(name, "predict") for name in (label, roles.values) if name is not None]
        if len(roles.shares) == 1 and not roles.of_second:
            names.append((roles.shares[0], "predict_proba"))
        return tuple(names)

    @property
    def beside(self) -> tuple[str, ...]:
        """The outputs that are to be given under their own names."""
        held = dict(self.named)
        return tuple(one.name for one in self.outputs if one.name not in held)


@dataclass(frozen=True, slots=True)
class Hints:
    """What nodes say of the outputs that they lead to, by name.

    `scores` are certainly no probabilities, `values` come from regressors, `shares` from
    nodes that make probabilities. `texts` are words that the graph knows.
    """

    labels: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph as `models/onnx_graph.py` reads it; `settings` is what registering finds out.

    `classes` are those that the graph names, `outputs` the name and type of each.
    """

    content: bytes
    inputs: tuple[GraphInput, ...]
    outputs: tuple[tuple[str, str], ...]
    classes: tuple[Any, ...]
    hints: Hints = field(default_factory=Hints)
    settings: GraphSettings | None = None

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The name and dtype of every column of a table; those of a matrix are numbered from 0.

        None where the graph takes tensors that are no table on their own.
        """
        if not self.tabular:
            return ()
        columns: list[tuple[str, str]] = []
        for one in self.inputs:
            if one.width == 1:
                columns.append((one.name, plain(one.dtype)))
            else:
                prefix = "x" if len(self.inputs) == 1 else f"{one.name}_"
                columns.extend((f"{prefix}{j}", plain(one.dtype)) for j in range(one.width or 0))
        return tuple(columns)

    @property
    def tabular(self) -> bool:
        """Whether the inputs are one matrix, or one column each."""
        widths = [one.width for one in self.inputs]
        return None not in widths and (len(widths) == 1 or set(widths) == {1})


def plain(dtype: str) -> str:
    """The dtype in which columns hold it."""
    return "float32" if dtype == "float16" else dtype
