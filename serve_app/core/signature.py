"""What a version takes and gives: the columns in, the kind of output, the class labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from serve_app.core.times import DATETIMES

OutputKind = Literal[
    "classification", "multilabel", "multioutput", "regression", "tensors", "transform"
]
"""What a version gives; see `Output`."""

SEVERAL: frozenset[str] = frozenset({"multilabel", "multioutput"})
"""The kinds of output that say something of each of several targets."""

Container = Literal["array", "frame", "list", "series"]
"""In what an estimator is handed its rows: a matrix, a frame, or its one column alone."""

DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "string",
    "decimal",
    *DATETIMES,
)
_OBJECTS = frozenset({"string", "decimal"})


@dataclass(frozen=True, slots=True)
class Column:
    """One input column as it was in training.

    `minimum` and `maximum` bound numeric columns, `categories` lists the values of
    columns with few of them. `frame_dtype` is the pandas dtype that the user's own
    pipeline saw, and gets again; `label` is what the frame of training called the column
    where that was a number and no name. `shape` is that of one row's value: empty for
    numbers and words, (4,) for a tensor of shape (rows, 4).

    `zone` is the time zone of a column of moments; dates and times without one have none.
    `ordered` says that the order of a pandas column's categories means something, and
    `category_dtype` what pandas dtype they have where that is another than pandas gives such
    values by itself. Categories that are dates, times or decimals are written as text.
    """

    name: str
    dtype: str
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[Any, ...] | None = None
    frame_dtype: str | None = None
    label: int | None = None
    shape: tuple[int | None, ...] = ()
    zone: str | None = None
    ordered: bool = False
    category_dtype: str | None = None

    @property
    def array_dtype(self) -> np.dtype[Any]:
        """The dtype of an array with values of this column and no nulls."""
        return np.dtype(np.object_ if self.dtype in _OBJECTS else self.dtype)

    @property
    def is_datetime(self) -> bool:
        """Whether the values are dates, or dates with times."""
        return self.dtype in DATETIMES

    @property
    def is_numeric(self) -> bool:
        """Whether models can compute with the values as they are: numbers and truth values."""
        return self.dtype not in _OBJECTS and not self.is_datetime

    def to_json(self) -> dict[str, Any]:
        """The column as JSON values, without what it does not say."""
        body: dict[str, Any] = {"name": self.name, "dtype": self.dtype, "nullable": self.nullable}
        if self.minimum is not None:
            body["minimum"] = self.minimum
        if self.maximum is not None:
            body["maximum"] = self.maximum
        if self.categories is not None:
            body["categories"] = list(self.categories)
        if self.frame_dtype is not None:
            body["frame_dtype"] = self.frame_dtype
        if self.label is not None:
            body["label"] = self.label
        if self.shape:
            body["shape"] = list(self.shape)
        if self.zone is not None:
            body["zone"] = self.zone
        if self.ordered:
            body["ordered"] = True
        if self.category_dtype is not None:
            body["category_dtype"] = self.category_dtype
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Column:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the dtype is not one of `DTYPES`.
        """
        if body["dtype"] not in DTYPES:
            msg = f"column {body['name']!r}: dtype {body['dtype']!r} is not one of {DTYPES}"
            raise ValueError(msg)
        categories = body.get("categories")
        return cls(
            name=body["name"],
            dtype=body["dtype"],
            nullable=body.get("nullable", False),
            minimum=body.get("minimum"),
            maximum=body.get("maximum"),
            categories=None if categories is None else tuple(categories),
            frame_dtype=body.get("frame_dtype"),
            label=body.get("label"),
            shape=tuple(body.get("shape", ())),
            zone=body.get("zone"),
            ordered=body.get("ordered", False),
            category_dtype=body.get("category_dtype"),
        )


@dataclass(frozen=True, slots=True)
class Target:
    """One of several things that are classified at once, and its classes.

    Of a yes or no there are two, first what stands for no: 0 and 1, or False and True.
    """

    name: str
    labels: tuple[Any, ...]

    def to_json(self) -> dict[str, Any]:
        """The target as JSON values."""
        return {"name": self.name, "labels": list(self.labels)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Target:
        """Read what `to_json` wrote."""
        return cls(body["name"], tuple(body["labels"]))


@dataclass(frozen=True, slots=True)
class Output:
    """What comes out: class labels, numbers (`width` of them per row), or `columns`.

    `probabilities` come with every prediction where there are any, raw scores on demand:
    `scores_width` of them per row, 0 where there are none.

    `kind` says which: one class per row (classification, of `labels`), yes or no to each of
    `targets` (multilabel), a class of each of `targets` (multioutput), numbers (regression),
    the named outputs of a graph as they are (tensors, described by `columns`), or columns for
    another model (transform). Where there are `targets`, `width` is their number and `labels` is
    empty. The probabilities of yes or no are one per target, that of yes; those of a class of
    each are all classes of the first target, then all of the second, and so on.

    The outputs of a graph are described by `columns` whatever its kind. Those of them that
    `named` holds are what predictions hold as well, under the names of ours.
    """

    kind: OutputKind
    labels: tuple[Any, ...] = ()
    probabilities: bool = False
    width: int = 1
    columns: tuple[Column, ...] = ()
    scores_width: int = 0
    targets: tuple[Target, ...] = ()
    named: tuple[tuple[str, str], ...] = ()

    @property
    def shares(self) -> int:
        """How many probabilities a row has, where there are any."""
        if self.kind == "multioutput":
            return sum(len(target.labels) for target in self.targets)
        return len(self.targets) if self.targets else len(self.labels)

    @property
    def raw_scores(self) -> bool:
        """Whether raw scores can be asked for."""
        return self.scores_width > 0

    def to_json(self) -> dict[str, Any]:
        """The output as JSON values."""
        body: dict[str, Any] = {
            "kind": self.kind,
            "labels": list(self.labels),
            "probabilities": self.probabilities,
            "width": self.width,
            "columns": [column.to_json() for column in self.columns],
            "scores_width": self.scores_width,
        }
        if self.targets:
            body["targets"] = [target.to_json() for target in self.targets]
        if self.named:
            body["named"] = [list(pair) for pair in self.named]
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Output:
        """Read what `to_json` wrote."""
        return cls(
            kind=body["kind"],
            labels=tuple(body.get("labels", ())),
            probabilities=body.get("probabilities", False),
            width=body.get("width", 1),
            columns=tuple(Column.from_json(column) for column in body.get("columns", ())),
            scores_width=body.get("scores_width", 0),
            targets=tuple(Target.from_json(target) for target in body.get("targets", ())),
            named=tuple((own, ours) for own, ours in body.get("named", ())),
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """The columns that a version takes, in order, and what it gives.

    `container` is what its estimator is handed them in, where registering found that out.
    `by_position` is true of an estimator that knows no names for its columns, so that only
    their order in the training data says which is which. `tensors` are the inputs of a graph
    as it has them, each of which takes one or more of `inputs`: their places in `taken`.
    """

    inputs: tuple[Column, ...]
    output: Output
    container: Container | None = None
    by_position: bool = False
    tensors: tuple[Column, ...] = ()
    taken: tuple[tuple[int, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the input columns, in order."""
        return tuple(column.name for column in self.inputs)

    def without_raw_scores(self) -> Signature:
        """The same, but that nobody can ask for raw scores."""
        return replace(self, output=replace(self.output, scores_width=0))

    def to_json(self) -> dict[str, Any]:
        """The signature as JSON values."""
        body: dict[str, Any] = {
            "inputs": [column.to_json() for column in self.inputs],
            "output": self.output.to_json(),
        }
        if self.container is not None:
            body["container"] = self.container
        if self.by_position:
            body["by_position"] = True
        if self.tensors:
            body["tensors"] = [tensor.to_json() for tensor in self.tensors]
            body["taken"] = [list(places) for places in self.taken]
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Signature:
        """Read what `to_json` wrote."""
        return cls(
            inputs=tuple(Column.from_json(column) for column in body["inputs"]),
            output=Output.from_json(body["output"]),
            container=body.get("container"),
            by_position=body.get("by_position", False),
            tensors=tuple(Column.from_json(tensor) for tensor in body.get("tensors", ())),
            taken=tuple(tuple(places) for places in body.get("taken", ())),
        )
