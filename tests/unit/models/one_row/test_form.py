"""Operations on the values of one row: the bits of the operation on arrays, or none at all."""

import numpy as np
import pytest

from serve_app.core.columns import Columns, of_objects
from serve_app.models.compiled.arithmetic import (
    AsFloat,
    Beside,
    Cast,
    Elementwise,
    MatMul,
    Pick,
    Screen,
    ToMatrix,
    ValueMissing,
    ZerosMissing,
)
from serve_app.models.compiled.boosters import ZeroOrGap
from serve_app.models.compiled.categories import Codes, FillGaps, Known, OneHot, ScreenColumns
from serve_app.models.compiled.classes import (
    Above,
    BothClasses,
    Difference,
    Sigmoid,
    SingleSigmoid,
    SingleSoftmax,
    Softmax,
)
from serve_app.models.compiled.gaps import AsFloats, Impute
from serve_app.models.compiled.operation import Chain, InTurns, Refused
from serve_app.models.compiled.shapes import Column, Flatten
from serve_app.models.one_row import gaps, numbers, scores, words
from serve_app.models.one_row.form import Form, NoRowForm, Unusual, matrix, written

FORMS = (gaps, numbers, scores, words)
ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-36, 2e-35, 1e38, -7.0)
THREE = np.array([0.1, -3.3, 7e5])
NUMBERS = {
    "add": Elementwise("add", THREE, alike=True),
    "subtract": Elementwise("subtract", THREE, turned=True),
    "multiply by one": Elementwise("multiply", 0.3),
    "divide": Elementwise("divide", THREE, alike=True),
    "divide one": Elementwise("divide", 0.3, turned=True),
    "one operand": Elementwise("add", np.array([0.7])),
    "impute": Impute(THREE, np.nan),
    "impute and flag": Impute(THREE, np.nan, kept=(2, 0), flagged=(1, 2)),
    "screen": Screen(),
    "screen infinities": Screen(nan=True),
    "round": Cast("float32"),
    "widen": Cast("float64"),
    "zeros are gaps": ZerosMissing(),
    "a value is a gap": ValueMissing(-7.0),
    "zeros and gaps": ZeroOrGap(np.array([True, False, False]), np.array([False, False, True])),
    "pick": Pick((2, 0)),
    "pick one": Pick((1,)),
    "column": Column(2),
    "product": MatMul(np.arange(6.0).reshape(3, 2) / 7),
    "product with a line": MatMul(THREE),
    "beside": Beside((Pick((1,)), Chain((Column(0),))), "float32"),
    "in turns": InTurns(Chain((AsFloat(), Pick((0, 1)))), 5),
    "softmax": Softmax(),
    "softmax in float32": SingleSoftmax(),
}
OF_DOUBLES = {"softmax", "impute a number"}
OF_SINGLES = {"softmax in float32"}
NUMBERS["impute a number"] = Impute(THREE, -7.0, kept=None, flagged=(0,))
ONE = {
    "sigmoid": (Sigmoid(), np.float64),
    "steep sigmoid": (Sigmoid(2.5), np.float64),
    "sigmoid in float32": (SingleSigmoid(), np.float32),
    "both classes": (BothClasses(), np.float64),
    "both classes in float32": (BothClasses(), np.float32),
    "above": (Above(), np.float64),
    "at or above": (Above(0.5, at=True), np.float32),
    "flat": (Flatten(), np.float32),
}


def drawn(count, width, dtype):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(count, width)) * rng.choice([1e-3, 1.0, 40.0, 1e6], (count, width))
    odd = rng.random(rows.shape) < 0.25
    odd[: count // 2] = False
    return np.where(odd, rng.choice(np.array(ODD), rows.shape), rows).astype(dtype)


def assert_same(operation, rows):
    made = written(operation, matrix(rows.dtype, rows.shape[1]))
    compared = 0
    for row in rows:
        try:
            given = made.run(row.tolist())
        except (Unusual, ArithmeticError):
            continue
        with np.errstate(all="ignore"):
            wanted = operation(row[np.newaxis])
        got = np.array(given if wanted.ndim == 1 else [given], made.form.dtype)
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        gaps = np.isnan(got) if got.dtype.kind == "f" else np.zeros(got.shape, bool)
        assert np.array_equal(gaps, np.isnan(wanted) if got.dtype.kind == "f" else gaps)
        assert got[~gaps].tobytes() == wanted[~gaps].tobytes()
        compared += 1
    assert compared >= len(rows) // 2 - 20


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_have_the_bits_of_the_operation(name, dtype):
    if name in (OF_DOUBLES if dtype is np.float32 else OF_SINGLES):
        with pytest.raises(NoRowForm):
            written(NUMBERS[name], matrix(np.dtype(dtype), 3))
        return
    assert_same(NUMBERS[name], drawn(400, 3, dtype))


@pytest.mark.parametrize("name", ONE)
def test_single_scores_have_the_bits_of_the_operation(name):
    operation, dtype = ONE[name]
    assert_same(operation, drawn(400, 1, dtype))


def test_the_difference_of_two_classes_has_the_bits_of_the_operation():
    for dtype in (np.float32, np.float64):
        assert_same(Difference(), drawn(200, 2, dtype))


TEXT, DOUBLE = np.dtype(object), np.dtype(float)
WORDS = {
    "one hot": OneHot((("a", "b"), (1.0, 2.0)), ((0, 1), (2, -1)), (-1, 3), 4, "float32"),
    "one hot, or refused": OneHot((("a", "b"), (1.0, None)), ((0, 0), (1, 2)), (-2, -1), 3),
    "codes": Codes((("a", "b"), (1.0, None)), ((0.1, 1.0), (2.0, np.nan)), (-1.0, None), "float32"),
    "filled": Chain((FillGaps(("b", 2.0)), OneHot((("b",), (2.0,)), ((0,), (1,)), (-1, -1), 2))),
    "known": Chain((Known((0,), (("a",),)), OneHot((("a", None), ()), ((0, 1), ()), (-1, -1), 2))),
    "screened": Chain((ScreenColumns(), OneHot((("a",), (1.0,)), ((0,), (1,)), (-1, -1), 2))),
    "numbers of gaps": Chain((Pick((1,)), AsFloats((0,)), ToMatrix())),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_have_the_bits_of_the_operation(name):
    made = written(WORDS[name], Form((TEXT, DOUBLE), "columns"))
    answered = 0
    for word in ("a", "b", "c", None):
        for number in (1.0, 2.0, 9.0, np.nan, np.inf):
            arrays = [of_objects([word]), np.array([number])]
            try:
                wanted = WORDS[name](Columns(("w", "n"), arrays, None, 1))
            except Refused:
                wanted = None
            try:
                got = np.array([made.run((word, number))], made.form.dtype)
            except Unusual:
                continue
            answered += 1
            assert got.tobytes() == wanted.tobytes()
    assert answered >= 8


def test_integers_are_numbers_as_long_as_a_double_tells_them_apart():
    dtypes = (np.dtype(np.int64), np.dtype(bool), np.dtype(np.float32))
    made = written(Chain((ToMatrix(), Cast("float32"))), Form(dtypes, "columns"))
    assert made.run((2**24 + 1, True, 0.5)) == (2.0**24, 1.0, 0.5)
    with pytest.raises(Unusual):
        made.run((2**53 + 1, True, 0.5))


@pytest.mark.parametrize(
    ("operation", "dtypes"),
    [
        (ToMatrix(), (TEXT,)),
        (ToMatrix(), (np.dtype("datetime64[ns]"),)),
        (Elementwise("sin"), (DOUBLE,)),
        (Elementwise("power", 2.0), (DOUBLE,)),
        (Elementwise("add", np.zeros((2, 3))), (DOUBLE,) * 3),
        (Cast("float16"), (DOUBLE,)),
        (Flatten(), (DOUBLE,) * 2),
        (Softmax(), (DOUBLE,) * 8),
        (OneHot((("a", "b"), ("c",)), ((0, 2), (1,)), (-1, -1), 3), (TEXT,) * 2),
    ],
)
def test_what_nobody_wrote_down_has_no_form(operation, dtypes):
    shape = "columns" if isinstance(operation, (ToMatrix, OneHot)) else "matrix"
    with pytest.raises(NoRowForm):
        written(operation, Form(dtypes, shape))
