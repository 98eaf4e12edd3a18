"""Arrays in NumPy's own format, as NumPy writes them and as strangers might."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serve_app.errors import BadEncoding, ClientError, InvalidInput, TooLarge
from serve_app.protocols.bodies import npy

NAMES = ("age", "dose")
MATRIX = np.array([[63.0, 2.5], [41.0, -0.0], [7.0, np.nan]])


def written(array: Any, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), version)
    return buffer.getvalue()


def read(body: bytes, names: tuple[str, ...] = NAMES) -> tuple[list[list[Any]], int]:
    columns, count = npy.read(body, names, 99)
    return [np.asarray(values).tolist() for values in columns.values()], count


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f8", ">f8", "<f4"])
def test_a_matrix_is_its_columns(version: tuple[int, int], order: Any, kind: str) -> None:
    columns, count = npy.read(written(MATRIX.astype(kind, order=order), version), NAMES, 99)
    assert count == 3
    assert list(columns) == list(NAMES)
    found = np.column_stack([np.asarray(values) for values in columns.values()])
    assert found.dtype.isnative
    assert np.array_equal(found, MATRIX, equal_nan=True)


@pytest.mark.parametrize("kind", ["int8", "uint16", "int64", "bool", "float16"])
def test_numbers_of_all_kinds_are_read(kind: str) -> None:
    values = np.array([[1, 0], [0, 1]], kind)
    assert read(written(values)) == (values.T.tolist(), 2)


def test_one_axis_is_one_row_or_the_rows_of_one_column() -> None:
    assert read(written([63.0, 2.5])) == ([[63.0], [2.5]], 1)
    assert read(written([63.0, 2.5]), ("age",)) == ([[63.0, 2.5]], 2)


def test_no_rows_are_no_rows() -> None:
    assert read(written(np.empty((0, 2)))) == ([[], []], 0)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (b"", BadEncoding, "no array of numbers"),
        (b"\x93NUMPY\x01\x00", BadEncoding, "no array of numbers"),
        (b"\x93NUMPY\x07\x00" + written(MATRIX)[8:], BadEncoding, "no array of numbers"),
        (written(np.array(["a", "b"])), BadEncoding, "no array of numbers"),
        (written(np.zeros((1, 2, 2))), BadEncoding, "of one or two axes"),
        (written(np.float64(1.0)), BadEncoding, "of one or two axes"),
        (written(MATRIX)[:-1], BadEncoding, r"47 bytes, but one of shape \[3, 2\] takes 48"),
        (written(MATRIX) + b"\0", BadEncoding, "49 bytes"),
        (written(np.zeros((2, 2), bool))[:-1] + b"\2", BadEncoding, "bytes of 0 or 1"),
        (written(np.zeros((2, 3))), InvalidInput, r"shape \[2, 3\], but must be \[rows, 2\]"),
        (written([1.0, 2.0, 3.0]), InvalidInput, r"must be \[rows, 2\]"),
        (written(np.zeros((100, 2))), TooLarge, "100 rows"),
        (
            written(MATRIX).replace(b"(3, 2), }" + b" " * 9, b"(3000000000, 2), }"),
            BadEncoding,
            "takes 48000000000",
        ),
    ],
)
def test_what_is_no_such_array_is_refused(body: bytes, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        read(body)


def test_objects_are_never_unpickled() -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([{"a": 1}, None]), allow_pickle=True)
    with pytest.raises(BadEncoding, match="no array of numbers"):
        read(buffer.getvalue())


@given(st.binary(max_size=200))
def test_any_other_bytes_are_a_clients_error(tail: bytes) -> None:
    for body in (tail, written(MATRIX)[:10] + tail, written(MATRIX)[:100] + tail):
        with pytest.raises(ClientError):
            read(body)


@given(arrays.arrays(np.float64, st.tuples(st.integers(0, 9), st.just(2))))
def test_what_is_written_is_what_is_read(matrix: Any) -> None:
    columns, count = npy.read(npy.write(matrix), NAMES, 99)
    found = np.column_stack([np.asarray(values) for values in columns.values()])
    assert found.tobytes() == matrix.tobytes()
    assert count == len(matrix)


@pytest.mark.parametrize(
    "values",
    [
        np.array(["ill", "well"]),
        np.array(["ill", "well"], object),
        np.array([1, 2]),
        np.array([[0.1, 0.9]]),
        np.array([True, False]),
    ],
)
def test_predictions_are_read_by_numpy_without_pickles(values: Any) -> None:
    found = np.load(io.BytesIO(npy.write(values)), allow_pickle=False)
    assert found.tolist() == values.tolist()
    assert found.dtype.kind == ("U" if values.dtype == object else values.dtype.kind)


def test_predictions_of_several_kinds_are_not() -> None:
    with pytest.raises(InvalidInput, match="accept JSON"):
        npy.write(np.array([None, {"a": 1}], object))
