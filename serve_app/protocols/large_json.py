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
_FLOATS = frozenset({"FP64", "FP32"})
_KEYS = frozenset({"id", "parameters", "inputs", "outputs"})


def parse(body: bytes) -> dict[str, Any] | None:
    """An Open Inference request whose `data` of floats are flat arrays of doubles.

    None for a body that is short, or that is to be read, or refused, in the usual way.
    """
    if simdjson is None or len(body) < LARGE_BYTES:
        return None
    try:
        found = simdjson.Parser().parse(body)
        if not isinstance(found, simdjson.Object) or not _KEYS.issuperset(_names(found)):
            return None
        document = {name: _plain(found[name]) for name in _names(found) if name != "inputs"}
        inputs: Any = found["inputs"]
        document["inputs"] = [_input(one) for one in inputs]
    except (*_OF_OTHERS, _Unusual):
        return None
    return document


class _Unusual(Exception):
    """Something that the usual reader has to look at."""


def _names(found: Any) -> list[str]:
    names: list[str] = list(found.keys())
    if len(set(names)) < len(names):
        raise _Unusual
    return names


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value


def _input(found: Any) -> dict[str, Any]:
    read = {name: _plain(found[name]) for name in _names(found) if name != "data"}
    data = found["data"]
    floats = read["datatype"] in _FLOATS and isinstance(data, simdjson.Array)
    return {**read, "data": _doubles(data, read["shape"]) if floats else _plain(data)}


def _doubles(data: Any, shape: Any) -> Array:
    """The numbers of a list, flat or with a list per row.

    Raises:
        _Unusual: the lists are of other lengths, or integers may have been rounded.
    """
    values = np.frombuffer(data.as_buffer(of_type="d"), dtype=np.float64)
    if len(data) != values.size and any(len(row) != shape[1] for row in data):
        raise _Unusual
    if values.size and max(values.max(), -values.min()) >= EXACT:
        raise _Unusual
    return values
