"""What records of other systems' jobs hold, and what is written of each once it is answered.

Answers have the form that the same rows get at `/invocations` (SageMaker), or as an instance of
Vertex AI's `:predict`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serve_app.batch import csv_records
from serve_app.batch.inputs import Input
from serve_app.batch.json_path import JsonPath
from serve_app.batch.rendering import Instances, Rendering, Transform
from serve_app.engine.batch.readers import json_value
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols.bodies import delimited, json_body

_BODIES = ("instances", "inputs", "dataframe_records")
_JOINED, _INPUT = "SageMakerOutput", "SageMakerInput"
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_POWER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)[eE][+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Item:
    """A record as it was read: itself, and the rows in it, as lists in the order of `names`.

    `names` are those that the file gives its columns; None means those of the version. A row may
    be an object, too, whose keys are the names.
    """

    source: Any
    rows: Sequence[Any]
    names: tuple[str, ...] | None = None


class RecordForm(Protocol):
    """How one kind of job reads records and writes answers."""

    def read(self, content: bytes, one: Input) -> list[Item]:
        """What a record of a file holds; several items only where it is a whole file.

        Raises:
            ClientError: it cannot be read.
            ValueError: it is no CSV.
        """
        ...

    def write(self, items: Sequence[tuple[Item, Any]]) -> bytes:
        """The items of a record and the answers to the rows of each, as they are written.

        Raises:
            InvalidInput: a filter takes what is not there.
        """
        ...


def form_of(rendering: Rendering) -> RecordForm:
    """How a job reads and writes."""
    if isinstance(rendering, Instances):
        return InstanceForm(rendering)
    return TransformForm(rendering)


class TransformForm:
    """SageMaker's."""

    def __init__(self, rendering: Transform) -> None:
        self._wanted = rendering
        self._input = JsonPath(rendering.input_filter)
        self._output = JsonPath(rendering.output_filter)

    def read(self, content: bytes, one: Input) -> list[Item]:
        """What a record holds, as a request with that body would."""
        wanted = self._wanted
        if 0 < wanted.max_payload_bytes < len(content):
            msg = f"at most {wanted.max_payload_bytes:,} bytes (MaxPayloadInMB)"
            raise ValueError(f"{msg}; it has {len(content):,}")
        if wanted.content == "csv":
            return [self._of_cells(cells, one) for cells in _lines_of_cells(content)]
        if wanted.content == "lines":
            values = [json_value(line) for line in content.split(b"\n") if line.strip()]
            return [Item(value, [self._row(value)]) for value in values]
        value = json_value(content)
        return [Item(value, _rows_of(self._input.of(value)))]

    def _of_cells(self, cells: list[str], one: Input) -> Item:
        names = None if one.columns is None else tuple(self._input.of(list(one.columns)))
        return Item(cells, [_as_list(self._input.of(cells))], names)

    def _row(self, value: Any) -> Any:
        return delimited.features(self._input.of(value))

    def write(self, items: Sequence[tuple[Item, Any]]) -> bytes:
        """The answers of a record, joined and filtered."""
        wanted = self._wanted
        if wanted.accept == "csv":
            rows = [self._cells(item, values) for item, values in items]
            return delimited.write_csv([row for some in rows for row in some])
        if wanted.accept == "lines":
            return delimited.write_lines(
                [value for item, values in items for value in self._objects(item, values)]
            )
        if len(items) > 1:
            together = {"predictions": [one for _, values in items for one in _plain(values)]}
            written = [self._joined(Item([item.source for item, _ in items], ()), together)]
        else:
            written = [self._joined(item, {"predictions": values}) for item, values in items]
        end = b"\n" if wanted.lines else b""
        return b"".join(json_body.dump(value) + end for value in written)

    def _cells(self, item: Item, values: Any) -> list[list[Any]]:
        rows: list[list[Any]] = []
        for value in _plain(values):
            cells = _as_list(value)
            if self._wanted.join:
                cells = [*item.source, *cells]
            rows.append(cells if self._output.is_whole else _as_list(self._output.of(cells)))
        return rows

    def _objects(self, item: Item, values: Any) -> list[Any]:
        answers = [{"prediction": value} for value in _plain(values)]
        if not self._wanted.join:
            return [self._filtered(answer) for answer in answers]
        joined = answers[0] if len(answers) == 1 else answers
        return [self._joined(item, joined)]

    def _joined(self, item: Item, answer: Any) -> Any:
        if not self._wanted.join:
            return self._filtered(answer)
        if isinstance(item.source, Mapping):
            return self._filtered({**item.source, _JOINED: answer})
        return self._filtered({_INPUT: item.source, _JOINED: answer})

    def _filtered(self, value: Any) -> Any:
        return value if self._output.is_whole else self._output.of(json_body.plain_value(value))


class InstanceForm:
    """Vertex AI's."""

    def __init__(self, rendering: Instances) -> None:
        self._wanted = rendering

    def read(self, content: bytes, one: Input) -> list[Item]:
        """The instance that a line is."""
        wanted = self._wanted
        if wanted.content == "csv":
            names = one.columns or ()
            (cells,) = _lines_of_cells(content)
            if len(cells) != len(names):
                raise ValueError(f"{len(names)} cells, as the header has; there are {len(cells)}")
            named = dict(zip(names, cells, strict=True))
            instance: Any = {name: _number_or_text(cell) for name, cell in named.items()}
            shown = instance if wanted.as_objects else list(instance.values())
            return [Item((shown, instance), [self._fields_of(named)], ())]
        instance = json_value(content)
        return [Item((instance, instance), [self._fields_of(delimited.features(instance))])]

    def _fields_of(self, instance: Any) -> Any:
        wanted = self._wanted
        left_out = {*wanted.excluded, *((wanted.key,) if wanted.key else ())}
        if not isinstance(instance, Mapping):
            if left_out or wanted.included:
                raise InvalidInput("an object, since fields are chosen by their names")
            return instance
        if wanted.included:
            return {name: instance[name] for name in wanted.included if name in instance}
        return {name: value for name, value in instance.items() if name not in left_out}

    def write(self, items: Sequence[tuple[Item, Any]]) -> bytes:
        """One line per instance."""
        lines: list[Any] = []
        for item, values in items:
            shown, instance = item.source
            about: dict[str, Any] = {"instance": shown}
            if self._wanted.key is not None:
                about = {"key": instance.get(self._wanted.key)}
            lines += [{**about, "prediction": value} for value in _plain(values)]
        return delimited.write_lines(lines)


def _lines_of_cells(content: bytes) -> list[list[str]]:
    lines = content.splitlines(keepends=True)
    cells: list[list[str]] = []
    for record in csv_records.records(lines, 0):
        if record.broken is not None:
            raise ValueError(record.broken)
        cells.append(csv_records.cells(record.content))
    return cells


def _rows_of(value: Any) -> list[Any]:
    """The rows in a JSON document: those under a key of a request's body, a list, or itself."""
    if isinstance(value, Mapping):
        given = next((name for name in _BODIES if isinstance(value.get(name), list)), None)
        if given is None:
            return [delimited.features(value)]
        return [delimited.features(row) for row in value[given]]
    if isinstance(value, list) and value and isinstance(value[0], list | Mapping):
        return [delimited.features(row) for row in value]
    if isinstance(value, list):
        return [value]
    raise BadEncoding("an object or a list of values; this is a value alone")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(values: Any) -> list[Any]:
    listed: list[Any] = values if isinstance(values, list) else values.tolist()
    return listed


def _number_or_text(cell: str) -> Any:
    """A cell as JSON has it: a number where that says the same, a whole one without a point."""
    if _WHOLE.fullmatch(cell):
        return int(cell)
    fraction = _FRACTION.fullmatch(cell) or _POWER.fullmatch(cell)
    if fraction and math.isfinite(value := float(cell)):
        return value
    return cell
