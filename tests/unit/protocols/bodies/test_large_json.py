"""Large tensors are read as arrays, to the same numbers as by the usual reader, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.signature import Column
from serve_app.errors import ClientError
from serve_app.protocols.bodies import large_json
from serve_app.protocols.dialect import Call
from serve_app.protocols.oip.v2 import DIALECT

NAMES = ("a", "b")
COLUMNS = tuple(Column(name, "float64") for name in NAMES)


@pytest.fixture(autouse=True, scope="module")
def small() -> Any:
    """Everything is large enough."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(large_json, "LARGE_BYTES", 0)
        yield


def read(body: bytes, *, quickly: bool) -> Any:
    """What a body is decoded to, or the class of the error; with the quick reader or without."""
    with pytest.MonkeyPatch.context() as patched:
        if not quickly:
            patched.setattr(large_json, "LARGE_BYTES", 2**60)
        try:
            payload = DIALECT.decode(Call(body, NAMES, 100, {}, COLUMNS))
        except ClientError as error:
            return type(error), error.message
    columns = {name: list(values) for name, values in payload.columns.items()}
    return columns, payload.rows, payload.keys, payload.id, payload.form


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60)
ODD = st.none() | st.booleans() | st.text(max_size=3) | st.lists(NUMBERS, max_size=3)
DATA = st.lists(NUMBERS, max_size=6) | st.lists(NUMBERS | ODD, max_size=6)
SHAPES = st.lists(st.integers(0, 6), min_size=1, max_size=2)
INPUT = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "shape": SHAPES,
        "datatype": st.sampled_from(["FP64", "FP32", "INT64", "BYTES", "FP16"]),
        "data": DATA | st.lists(st.lists(NUMBERS, max_size=3), max_size=3),
    },
    optional={"parameters": st.dictionaries(st.text(max_size=3), ODD, max_size=2)},
)
DOCUMENT = st.fixed_dictionaries(
    {"inputs": st.lists(INPUT, max_size=3)},
    optional={"id": st.text(max_size=4) | NUMBERS, "parameters": st.just({"k": 1.5})},
)


@given(DOCUMENT)
def test_every_document_is_read_alike_by_both(document: dict[str, Any]) -> None:
    body = orjson.dumps(document)
    assert read(body, quickly=True) == read(body, quickly=False)


@given(st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1, max_size=9), st.booleans())
def test_a_matrix_is_read_alike_flat_or_by_rows(rows: list[list[float]], flat: bool) -> None:
    data = [value for row in rows for value in row] if flat else rows
    shape = [len(rows), 2]
    body = orjson.dumps(
        {"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": data}]}
    )
    assert read(body, quickly=True) == read(body, quickly=False)


def one(data: str, more: str = "") -> bytes:
    return (
        '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": '
        + data
        + more
        + "}]}"
    ).encode()


def test_plain_numbers_become_an_array_and_nothing_else_does() -> None:
    document = large_json.parse(one("[1, 2.5]"))
    assert document is not None
    assert isinstance(document["inputs"][0]["data"], np.ndarray)


@pytest.mark.parametrize(
    "body",
    [
        one("[1, null]"),
        one("[1, NaN]"),
        one("[1, true]"),
        one("[1, 9007199254740993]"),
        one("[1, 1e400]"),
        one("[1, 2]", ', "data": [3, 4]'),
        one("[[1, 2.5]]"),
        one("[[1], [2]]"),
        one("[1, [2]]"),
        one("[[]]"),
        b'{"inputs": [], "inputs": []}',
        b'{"inputs": 5}',
        b'{"inputs": [5]}',
        b'{"inputs": [{"datatype": "FP64", "data": [1]}]}',
        b'{"other": [1]}',
        b"[]",
        b"\xff",
        b"",
    ],
)
def test_everything_else_is_left_to_the_usual_reader(body: bytes) -> None:
    assert large_json.parse(body) is None


def test_short_bodies_are_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "LARGE_BYTES", 1000)
    assert large_json.parse(one("[1, 2.5]")) is None


def test_without_simdjson_so_is_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "simdjson", None)
    assert large_json.parse(one("[1, 2.5]")) is None
