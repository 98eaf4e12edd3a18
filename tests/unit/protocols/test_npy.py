"""NumPy's files as bodies: matrices come through, pickles and archives never do."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols import npy

NAMES = ("age", "dose")


def saved(array, **more):
    file = io.BytesIO()
    np.save(file, array, **more)
    return file.getvalue()


@given(
    arrays.arrays(
        st.sampled_from(["<f8", ">f8", "<f4", "<f2", "<i8", ">i2", "|u1", "|b1"]),
        st.tuples(st.integers(0, 9), st.just(2)),
    ),
    st.booleans(),
)
def test_every_matrix_comes_through(matrix, by_column):
    body = saved(np.asfortranarray(matrix) if by_column else matrix)
    columns, rows = npy.read(body, NAMES, 9)
    assert rows == len(matrix)
    for index, name in enumerate(NAMES):
        np.testing.assert_array_equal(columns[name], matrix[:, index])


def test_one_row_may_stand_alone():
    columns, rows = npy.read(saved(np.array([63.0, 2.5])), NAMES, 9)
    assert (rows, [list(values) for values in columns.values()]) == (1, [[63.0], [2.5]])


def test_pickles_and_archives_are_refused():
    archive = io.BytesIO()
    np.savez(archive, a=np.zeros((1, 2)))
    for body in (saved(np.array([["a", {}]], dtype=object)), archive.getvalue(), b"", b"{}"):
        with pytest.raises(BadEncoding):
            npy.read(body, NAMES, 9)


@pytest.mark.parametrize(
    "array", [np.array([["a", "b"]]), np.zeros((1, 2, 1)), np.zeros((1, 2), dtype="c16")]
)
def test_other_arrays_are_refused(array):
    with pytest.raises(BadEncoding, match="one matrix of numbers"):
        npy.read(saved(array), NAMES, 9)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="3 columns"):
        npy.read(saved(np.zeros((1, 3))), NAMES, 9)
    with pytest.raises(TooLarge, match="10 rows"):
        npy.read(saved(np.zeros((10, 2))), NAMES, 9)
    with pytest.raises(BadEncoding, match="17 bytes"):
        npy.read(saved(np.zeros((1, 2))) + b"x", NAMES, 9)


@given(st.data())
def test_damaged_files_are_read_or_refused(data):
    body = bytearray(saved(np.zeros((2, 2))))
    places = st.dictionaries(st.integers(0, len(body) - 1), st.integers(0, 255), max_size=6)
    for place, value in data.draw(places).items():
        body[place] = value
    try:
        columns, rows = npy.read(bytes(body), NAMES, 9)
    except (BadEncoding, InvalidInput, TooLarge):
        return
    assert all(len(values) == rows for values in columns.values())


@pytest.mark.parametrize(
    "values", [np.array([1.5, 2.5]), np.array(["a", "bc"], dtype=object), np.zeros((2, 3))]
)
def test_answers_are_files_without_pickles(values):
    again = np.load(io.BytesIO(npy.write(values)), allow_pickle=False)
    assert again.tolist() == values.tolist()
