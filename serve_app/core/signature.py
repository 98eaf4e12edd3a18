"""What a version takes and gives: the columns in, the kind of output, the class labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

OutputKind = Literal["classification", "regression", "transform"]

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
)


@dataclass(frozen=True, slots=True)
class Column:
    """One input column as it was in training.

    `minimum` and `maximum` bound numeric columns, `categories` lists the values of
    columns with few of them. `frame_dtype` is the pandas dtype that the user's own
    pipeline saw, and gets again.
    """

    name: str
    dtype: str
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[Any, ...] | None = None
    frame_dtype: str | None = None

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
        )


@dataclass(frozen=True, slots=True)
class Output:
    """What comes out: class labels, numbers (`width` of them per row), or `columns`.

    `probabilities` come with every prediction where there are any, raw scores on demand:
    `scores_width` of them per row, 0 where there are none.
    """

    kind: OutputKind
    labels: tuple[Any, ...] = ()
    probabilities: bool = False
    width: int = 1
    columns: tuple[Column, ...] = ()
    scores_width: int = 0

    @property
    def raw_scores(self) -> bool:
        """Whether raw scores can be asked for."""
        return self.scores_width > 0

    def to_json(self) -> dict[str, Any]:
        """The output as JSON values."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "probabilities": self.probabilities,
            "width": self.width,
            "columns": [column.to_json() for column in self.columns],
            "scores_width": self.scores_width,
        }

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
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """The columns that a version takes, in order, and what it gives."""

    inputs: tuple[Column, ...]
    output: Output

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the input columns, in order."""
        return tuple(column.name for column in self.inputs)

    def without_raw_scores(self) -> Signature:
        """The same, but that nobody can ask for raw scores."""
        return replace(self, output=replace(self.output, scores_width=0))

    def to_json(self) -> dict[str, Any]:
        """The signature as JSON values."""
        return {
            "inputs": [column.to_json() for column in self.inputs],
            "output": self.output.to_json(),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Signature:
        """Read what `to_json` wrote."""
        return cls(
            inputs=tuple(Column.from_json(column) for column in body["inputs"]),
            output=Output.from_json(body["output"]),
        )
