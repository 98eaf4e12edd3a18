"""Large tensors of JSON as arrays, without a Python object for every number.

simdjson finds the numbers of a list three times as quickly as they become Python's floats, and
keeps them in one buffer. It says less of what is wrong than the usual reader, and rounds large
integers: whatever it does not read exactly is left to that one.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from serve_app.core.cells import EXACT
from serve_app.core.columns import Array

simdjson: Any
try:
    simdjson = import_module("simdjson")
except ModuleNotFoundError:  # there are no builds of it for the newest Python yet
    simdjson = None

LARGE_BYTES = 128 * 1024
# What simdjson raises for what it cannot read, and reading on for what is of another shape.
_OF_OTHERS = (ValueError, TypeError, LookupError, AttributeError, RuntimeError)
_MOST_TENSORS = 1000
"""Of more inputs or outputs, none is a large one."""
_FLOATS = frozenset({"FP64", "FP32"})
_PARTS = frozenset({"name", "shape", "datatype", "data"})
_HOLDERS = frozenset({dict, list})
_KEYS = frozenset({"id", "parameters", "inputs", "outputs"})


def parse(body: bytes) -> dict[str, Any] | None:
    """An Open Inference request whose `data` of floats are flat arrays of doubles.

    None for a body that is short, or that is to be read, or refused, in the usual way.
    """
    if simdjson is None or len(body) < LARGE_BYTES:
        return None
    try:
        parsed = simdjson.Parser().parse(body)
        if not isinstance(parsed, simdjson.Object) or not _KEYS.issuperset(_names(parsed)):
            return None
        if "outputs" in parsed and len(parsed["outputs"]) > _MOST_TENSORS:
            raise _Unusual
        document = {name: _plain(parsed[name]) for name in _names(parsed) if name != "inputs"}
        inputs: Any = parsed["inputs"]
        if len(inputs) > _MOST_TENSORS:
            raise _Unusual
        document["inputs"] = [_input(one) for one in inputs]
        # Arrays hold the numbers of lists in lists too: with more brackets, one was not flat.
        if body.count(b"[") != _lists(document):
            return None
    except (*_OF_OTHERS, _Unusual):
        return None
    return document


class _Unusual(Exception):
    """Something that the usual reader has to look at."""


def _names(mapping: Any) -> list[str]:
    names: list[str] = list(mapping.keys())
    if len(set(names)) < len(names):
        raise _Unusual
    return names


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value


def _input(tensor: Any) -> dict[str, Any]:
    names = _names(tensor)
    if not _PARTS.issubset(names):
        raise _Unusual
    read = {name: _plain(tensor[name]) for name in names if name != "data"}
    data = tensor["data"]
    if not isinstance(data, simdjson.Array):
        raise _Unusual
    floats = read["datatype"] in _FLOATS
    # One by one, so that other threads get their turn between.
    return {**read, "data": _doubles(data) if floats else [_plain(value) for value in data]}


def _doubles(data: Any) -> Array:
    """The numbers of a list, and of all lists in it.

    Raises:
        _Unusual: integers may have been rounded.
    """
    values = np.frombuffer(data.as_buffer(of_type="d"), dtype=np.float64)
    if values.size and max(values.max(), -values.min()) >= EXACT:
        raise _Unusual
    return values


def _lists(value: Any) -> int:
    """How many lists a value holds, itself included; an array counts as one."""
    if isinstance(value, np.ndarray):
        return 1
    if isinstance(value, dict):
        return sum(map(_lists, value.values()))
    if isinstance(value, list):
        return 1 + sum(_lists(one) for one in value if type(one) in _HOLDERS)
    return 0
