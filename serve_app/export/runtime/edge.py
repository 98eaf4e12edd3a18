"""One compiled version as an object that takes rows, wherever its files lie."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pkgutil import get_data
from typing import Any, TypeVar

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.messages import MISSING, Prediction, RawColumns, Warned
from serve_app.core.schema import Policy, Schema
from serve_app.core.signature import Signature
from serve_app.errors import ArtifactRejected, InvalidInput, ModelFailed, RowsRefused
from serve_app.models.blame import Blame
from serve_app.models.compiled.model import FILE, CompiledModel, load_compiled
from serve_app.models.replay import check, sample_columns

MANIFEST = "manifest.json"
Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]
"""A list of rows, each a mapping of columns to values, or a mapping of columns to lists."""

_T = TypeVar("_T")


class EdgeModel:
    """A version that checks rows as the server does and computes them to the same bits."""

    def __init__(
        self, reference: str, model: CompiledModel, signature: Signature, sample: dict[str, Any]
    ) -> None:
        self.reference = reference
        self.signature = signature
        self._model = model
        self._schema = Schema(signature.inputs, Policy())
        self._sample = sample_columns(sample["inputs"], signature)
        self._expected: dict[str, Any] = sample["expected"]
        self._blame = Blame(self._sample.slice(0, 1))

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes in the order of the probabilities; none of what classifies nothing."""
        return self.signature.output.labels

    def predict(self, rows: Rows) -> Array:
        """The class or the number of each row.

        Raises:
            InvalidInput: a value is none that the version takes; says where and what it takes.
            RowsRefused: the model takes no such row.
            ModelFailed: the computation failed.
        """
        return self.answer(rows)[0].values

    def predict_proba(self, rows: Rows) -> Array:
        """The probabilities of each row, shape (rows, classes), in the order of `classes`.

        Raises:
            InvalidInput: a value is none that the version takes, or it gives no probabilities.
            RowsRefused: the model takes no such row.
            ModelFailed: the computation failed.
        """
        if not self.signature.output.probabilities:
            raise InvalidInput(f"{self.reference} gives no probabilities; call predict")
        probabilities = self.answer(rows)[0].probabilities
        if probabilities is None:
            raise ModelFailed(f"{self.reference} gave no probabilities")
        return probabilities

    def answer(self, rows: Rows) -> tuple[Prediction, tuple[Warned, ...]]:
        """All that is said of the rows, and the rules that they break and that are only warned of.

        Raises:
            InvalidInput: a value is none that the version takes, or it is a transformer.
            RowsRefused: the model takes no such row.
            ModelFailed: the computation failed.
        """
        if self.signature.output.kind == "transform":
            raise InvalidInput(f"{self.reference} predicts nothing, it transforms; call transform")
        return self._computed(self._model.predict, rows)

    def raw_scores(self, rows: Rows) -> Array | None:
        """The raw scores of each row, in the shape that the library gives them.

        Raises:
            InvalidInput: a value is none that the version takes, or it gives no raw scores.
            RowsRefused: the model takes no such row.
            ModelFailed: the computation failed.
        """
        return self._computed(self._model.predict_with_scores, rows)[0].scores

    def transform(self, rows: Rows) -> dict[str, Array]:
        """The columns that a transformer makes of the rows, by name.

        Raises:
            InvalidInput: a value is none that the version takes, or it is no transformer.
            RowsRefused: the model takes no such row.
            ModelFailed: the computation failed.
        """
        return self.columns(rows).as_dict()

    def columns(self, rows: Rows) -> Columns:
        """What `transform` gives, as columns; raises as it does."""
        if self.signature.output.kind != "transform":
            raise InvalidInput(f"{self.reference} transforms nothing; call predict")
        return self._computed(self._model.transform, rows)[0]

    def self_test(self) -> None:
        """Let it answer again the rows that were stored with it when it was registered.

        Raises:
            ArtifactRejected: it says something else on this machine; names the row.
        """
        kind = self.signature.output.kind
        try:
            check(self._model, self._sample, self._expected, kind)
        except ArtifactRejected as error:
            raise ArtifactRejected(f"{self.reference}: {error.message}", **error.details) from error

    def _computed(
        self, method: Callable[[Columns], _T], rows: Rows
    ) -> tuple[_T, tuple[Warned, ...]]:
        columns, warnings = self._schema.validate(*raw_columns(rows))
        try:
            return method(columns), warnings
        except (ModelFailed, RowsRefused) as error:
            refusal = self._blame(method, columns, error)
            if refusal is None:
                raise
            raise refusal from error


def open_model(package: str) -> EdgeModel:
    """The version whose files lie in the folder `data` of a package, after its self test.

    Raises:
        ArtifactRejected: a file is missing or damaged, or it answers otherwise than it did.
    """
    manifest = json.loads(_file(package, MANIFEST))
    signature = Signature.from_json(manifest["signature"])
    reference = f"{manifest['name']}@{manifest['version']}"
    compiled = load_compiled(_file(package, FILE), signature)
    model = EdgeModel(reference, compiled, signature, manifest["sample"])
    model.self_test()
    return model


def exported(package: str) -> dict[str, Any]:
    """What was written down when the wheel was made.

    Raises:
        ArtifactRejected: the file is missing or damaged.
    """
    body: dict[str, Any] = json.loads(_file(package, "export.json"))
    return body


def _file(package: str, name: str) -> bytes:
    try:
        content = get_data(package, f"data/{name}")
    except OSError as error:
        raise _missing(package, name) from error
    if content is None:
        raise _missing(package, name)
    return content


def _missing(package: str, name: str) -> ArtifactRejected:
    return ArtifactRejected(f"{package} lacks its file data/{name}; install its wheel again")


def raw_columns(rows: Rows) -> tuple[RawColumns, int]:
    """The columns of rows, `MISSING` where a row has none, and how many rows there are.

    Raises:
        InvalidInput: a row is no mapping, or columns differ in length.
    """
    if isinstance(rows, Mapping):
        return _of_columns(rows)
    if not _is_list(rows):
        raise InvalidInput(
            f"rows came as a {type(rows).__name__}: give a list of rows, each a mapping of "
            "columns to values, or a mapping of columns to lists"
        )
    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidInput(
                f"row {number} is a {type(row).__name__}: give each row as a mapping of columns "
                "to values"
            )
        for name, value in row.items():
            values = columns.get(name)
            if values is None:
                values = columns[_name(name)] = []
            if len(values) < number:
                values.extend([MISSING] * (number - len(values)))
            values.append(value)
    count = len(rows)
    for values in columns.values():
        if len(values) < count:
            values.extend([MISSING] * (count - len(values)))
    return columns, count


def _of_columns(columns: Mapping[str, Any]) -> tuple[RawColumns, int]:
    lengths: dict[str, int] = {}
    for name, values in columns.items():
        if not _is_list(values) and not isinstance(values, np.ndarray):
            raise InvalidInput(
                f"column {_name(name)!r} is a {type(values).__name__}: give a list of values, or "
                "put the row into a list"
            )
        lengths[name] = len(values)
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise InvalidInput(f"columns differ in length: {listed}")
    return columns, next(iter(lengths.values()), 0)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise InvalidInput(f"a column is named {name!r}; names of columns are text")
    return name
