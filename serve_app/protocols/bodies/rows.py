"""Rows and columns as JSON dialects write them, turned into columns by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import chain
from operator import itemgetter
from typing import Any

from serve_app.core.messages import MISSING, RawColumns
from serve_app.core.violations import shortened, value_text
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols.bodies import column_names, json_body
from serve_app.protocols.dialect import Call

_MAX_STRAY_NAMES = 100
_ROWS_AT_ONCE = 500


def of_rows(instances: list[Any], columns: Sequence[str]) -> RawColumns:
    """The columns of rows that are objects, or lists in the order of `columns`.

    Cells that a row object lacks are `MISSING`. A cell of an object may stand in a list of its
    own, a row may be a list of objects with a cell each (KServe's clients send both), and where
    there is one column alone, a row may be its bare value.

    Raises:
        BadEncoding: the rows are neither, or not all alike.
        InvalidInput: a row does not have one value per column, or names very many strangers.
    """
    kinds = set(map(type, instances))
    if kinds == {dict}:
        if list in set(map(type, instances[0].values())):
            instances = [_unwrapped(row) for row in instances]
        return _from_objects(instances, columns)
    if kinds == {list}:
        if instances[0] and type(instances[0][0]) is dict:
            merged = [_merged(row, index) for index, row in enumerate(instances)]
            return _from_objects(merged, columns)
        return _from_lists(instances, columns)
    if not kinds:
        return {}
    if len(columns) == 1 and not kinds & {dict, list}:
        return {columns[0]: instances}
    kind = type(instances[0])
    expected: dict[type, str] = {dict: "an object as row 0 is", list: "a list as row 0 is"}
    row = next(i for i, r in enumerate(instances) if type(r) is not kind or kind not in expected)
    msg = (
        f"instances[{row}] must be {expected.get(kind, 'an object or a list of values')}, "
        f"got {value_text(instances[row])}"
    )
    raise BadEncoding(msg, row=row)


def _from_lists(instances: list[list[Any]], columns: Sequence[str]) -> RawColumns:
    width = len(columns)
    if set(map(len, instances)) != {width}:
        row = next(i for i, values in enumerate(instances) if len(values) != width)
        msg = (
            f"instances[{row}] has {len(instances[row])} values, "
            f"but this endpoint takes {width} columns"
        )
        raise InvalidInput(msg, row=row, expected=width, got=len(instances[row]))
    return _by_name(columns, instances)


def _cells(
    instances: list[dict[str, Any]], cells: Callable[[dict[str, Any]], tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """The cells of each row, some rows at a time, so that other threads get their turn between."""
    if len(instances) <= _ROWS_AT_ONCE:
        return list(map(cells, instances))
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(instances), _ROWS_AT_ONCE):
        rows.extend(map(cells, instances[start : start + _ROWS_AT_ONCE]))
    return rows


def _by_name(names: Iterable[str], rows: Sequence[Sequence[Any]]) -> RawColumns:
    """The columns of rows that have a cell for each name, one at a time for the same reason."""
    columns = zip(*rows, strict=True)
    # `dict` would hold Python's lock for all of them.
    return {name: cells for name, cells in zip(names, columns, strict=True)}  # noqa: C416


def _from_objects(instances: list[dict[str, Any]], columns: Sequence[str]) -> RawColumns:
    first = instances[0]
    if len(first) > len(columns):
        _check_strangers(first.keys() - set(columns), "the rows name")
    if len(instances) == 1:
        return {name: (value,) for name, value in first.items()}
    if len(first) > 1 and set(map(len, instances)) == {len(first)}:
        # Of equal size, and each has all names of the first: then all have the same names.
        try:
            rows = _cells(instances, itemgetter(*first))
        except KeyError:
            return _from_ragged(instances, columns)
        return _by_name(first, rows)
    return _from_ragged(instances, columns)


def _unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    """A row object with the values that stood alone in lists; others are the schema's business."""
    return {
        name: value[0] if type(value) is list and len(value) == 1 else value
        for name, value in row.items()
    }


def _merged(row: list[Any], index: int) -> dict[str, Any]:
    """A row that is a list of objects, each with some of its cells."""
    merged: dict[str, Any] = {}
    for cells in row:
        if type(cells) is not dict:
            msg = f"instances[{index}] must be a list of objects, got {value_text(cells)} in it"
            raise BadEncoding(msg, row=index)
        twice = merged.keys() & cells.keys()
        if twice:
            msg = f"instances[{index}] has column {shortened(min(twice))!r} twice"
            raise BadEncoding(msg, row=index)
        merged.update(cells)
    return merged


def _from_ragged(instances: list[dict[str, Any]], columns: Sequence[str]) -> RawColumns:
    names: Mapping[str, None] = dict.fromkeys(chain.from_iterable(instances))
    _check_strangers(names.keys() - set(columns), "the rows name")
    return {name: [row.get(name, MISSING) for row in instances] for name in names}


def of_columns(inputs: Any, columns: Sequence[str], max_rows: int) -> tuple[RawColumns, int]:
    """The columns of `{column: [values]}`, or of a list of rows, and how many rows they have.

    A value may stand in a list of its own, as a tensor of shape [rows, 1] has it.

    Raises:
        BadEncoding: it is neither.
        InvalidInput: the columns differ in length, or very many of them are strangers.
        TooLarge: more than `max_rows` rows.
    """
    if isinstance(inputs, list):
        json_body.check_rows(len(inputs), max_rows)
        return of_rows(inputs, columns), len(inputs)
    if not isinstance(inputs, dict) or not inputs:
        msg = f"'inputs' must be an object of columns or a list of rows, got {value_text(inputs)}"
        raise BadEncoding(msg, key="inputs")
    _check_strangers(inputs.keys() - set(columns), "the body names")
    for values in inputs.values():
        if isinstance(values, list):
            json_body.check_rows(len(values), max_rows)
    by_name = {name: _values(name, values) for name, values in inputs.items()}
    lengths = {name: len(values) for name, values in by_name.items()}
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            msg = (
                f"column {shortened(name)!r} has {length} values, "
                f"but {shortened(first)!r} has {lengths[first]}"
            )
            raise InvalidInput(msg, column=shortened(name), expected=lengths[first], got=length)
    return by_name, lengths[first]


def of_instances(
    instances: list[Any], columns: Sequence[str], max_rows: int, *, shaped: bool = False
) -> tuple[RawColumns, int]:
    """The columns of rows or of small tables, as KServe's clients send both, and how many rows.

    Where columns are `shaped`, a list in a row is the tensor of that row and no column.

    Raises:
        BadEncoding: they are neither, or not all alike.
        InvalidInput: rows or columns differ in length, or very many columns are strangers.
        TooLarge: more than `max_rows` instances or rows.
    """
    json_body.check_rows(len(instances), max_rows)
    if shaped or not _are_frames(instances):
        return of_rows(instances, columns), len(instances)
    by_name, count = _of_frames(instances, columns, max_rows)
    json_body.check_rows(count, max_rows)
    return by_name, count


def _are_frames(instances: Sequence[Any]) -> bool:
    """Whether each instance is a small table, `{column: [values]}`, as KServe's clients send it."""
    first = instances[0] if instances else None
    return type(first) is dict and bool(first) and all(type(v) is list for v in first.values())


def _of_frames(
    frames: Sequence[Any], columns: Sequence[str], max_rows: int
) -> tuple[RawColumns, int]:
    """The columns of small tables, one below the other, and how many rows they have.

    Cells of a column that a table lacks are `MISSING`.

    Raises:
        BadEncoding: one of them is no table.
        InvalidInput: its columns differ in length, or very many of them are strangers.
    """
    by_name: dict[str, list[Any]] = {}
    count = 0
    for row, frame in enumerate(frames):
        if not isinstance(frame, dict):
            msg = (
                f"instances[{row}] must be an object of columns as row 0 is, "
                f"got {value_text(frame)}"
            )
            raise BadEncoding(msg, row=row)
        part, length = of_columns(frame, columns, max_rows)
        for name, values in part.items():
            column = by_name.setdefault(name, [])
            column.extend([MISSING] * (count - len(column)))
            column.extend(values)
        _check_strangers(by_name.keys() - set(columns), "the rows name")
        count += length
    for column in by_name.values():
        column.extend([MISSING] * (count - len(column)))
    return by_name, count


def of_split(split: Any, call: Call, key: str) -> tuple[RawColumns, int]:
    """The columns of pandas' orientation "split", which stood under `key`, and how many rows.

    Names of columns may be left out where the values are in the order of the endpoint's.

    Raises:
        BadEncoding: it is no such object, its index is of another length, or a row does not have
            one value for each of its own names.
        InvalidInput: without names, a row does not have one value per column.
        TooLarge: more than the call's `max_rows` rows.
    """
    if not isinstance(split, dict) or not isinstance(split.get("data"), list):
        raise BadEncoding(
            f"{key!r} must be an object with a list 'data', got {value_text(split)}", key=key
        )
    stray = sorted(split.keys() - {"columns", "index", "data"})
    if stray:
        raise BadEncoding(f"{key!r} has no key {shortened(stray[0])!r}", key=key)
    given = split.get("columns")
    names = list(call.names) if given is None else column_names.checked(given, "columns", call)
    data = split["data"]
    json_body.check_rows(len(data), call.max_rows)
    if not all(isinstance(row, list) for row in data):
        raise BadEncoding("'data' must be a list of lists", key="data")
    index = split.get("index")
    if index is not None and (not isinstance(index, list) or len(index) != len(data)):
        msg = (
            f"{key!r} has {len(data)} rows: 'index' must be a list of as many, "
            f"got {value_text(index)}"
        )
        raise BadEncoding(msg, key="index", expected=len(data))
    row = next((i for i, r in enumerate(data) if len(r) != len(names)), None)
    if row is not None and given is not None:
        msg = f"'data'[{row}] has {len(data[row])} values, but 'columns' names {len(names)}"
        raise BadEncoding(msg, row=row, expected=len(names), got=len(data[row]))
    return of_lists(data, column_names.bound(names, call)), len(data)


def of_lists(data: list[list[Any]], names: Sequence[str]) -> RawColumns:
    """The columns of rows that are lists in the order of `names`; all of them, without rows too.

    Raises:
        InvalidInput: a row does not have one value per name.
    """
    return _from_lists(data, names) if data else {name: [] for name in names}


def _values(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        msg = f"column {shortened(name)!r} must be a list of values, got {value_text(values)}"
        raise BadEncoding(msg, column=shortened(name))
    if values and all(type(value) is list and len(value) == 1 for value in values):
        return [value for (value,) in values]
    return values


def _check_strangers(stray: Set[str], who: str) -> None:
    """Raise when there are very many unknown columns.

    Each name costs one cell per row, so that a small body could ask for very many.
    """
    if len(stray) > _MAX_STRAY_NAMES:
        msg = (
            f"{who} {len(stray)} columns that this endpoint does not have, "
            f"among them {shortened(min(stray))!r}"
        )
        raise InvalidInput(msg, unknown=len(stray))
