"""Whole programs on one row: the bits of the program, or the row is left to it."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from serve_app.core.columns import Columns, of_objects
from serve_app.errors import RowsRefused
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import CompiledModel, Program
from serve_app.models.convert import convert
from serve_app.models.native.choice import native
from serve_app.models.one_row import form, scores
from serve_app.models.one_row.lane import one_row
from serve_app.models.one_row.loading import load_fastest
from serve_app.models.signature import infer

ROWS = 240
TOWNS = ("Oslo", "Rome", "Lima", None)
TONGUES = ("no", "it", "es", "qu", "en")


def table(seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(ROWS, 3)) * [1, 40, 1e5]
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    frame = pd.DataFrame(numbers, columns=["a", "b", "c"])
    frame["visits"] = rng.integers(0, 9, ROWS)
    frame["member"] = rng.random(ROWS) < 0.5
    frame["town"] = rng.choice(np.array(TOWNS, dtype=object), ROWS)
    frame["tongue"] = rng.choice(TONGUES, ROWS)
    return frame


def columns(encoder, *, flags=False):
    numbers = make_pipeline(SimpleImputer(add_indicator=flags), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), encoder)
    return make_column_transformer(
        (numbers, ["a", "b", "c", "visits"]), ("passthrough", ["member"]), (words, ["town"]),
        (encoder, ["tongue"]),
    )  # fmt: skip


def one_hot():
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def ordinal():
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


PIPELINES = {
    "xgboost": (one_hot, xgboost.XGBClassifier(n_estimators=20)),
    "xgboost of numbers": (ordinal, xgboost.XGBRegressor(n_estimators=20)),
    "xgboost of three": (one_hot, xgboost.XGBClassifier(n_estimators=7)),
    "lightgbm": (ordinal, lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)),
    "lightgbm of numbers": (one_hot, lightgbm.LGBMRegressor(n_estimators=10, verbose=-1)),
    "lightgbm of three": (one_hot, lightgbm.LGBMClassifier(n_estimators=5, verbose=-1)),
    "forest": (one_hot, RandomForestClassifier(10, random_state=0)),
    "forest of two targets": (ordinal, RandomForestRegressor(5, random_state=0)),
    "boosted": (one_hot, GradientBoostingClassifier(n_estimators=10)),
    "histogram": (ordinal, HistGradientBoostingRegressor(max_iter=10)),
    "logistic": (one_hot, LogisticRegression()),
    "logistic of three": (one_hot, LogisticRegression()),
    "linear": (one_hot, LinearRegression()),
}
WITHOUT_LIBRARY = ("xgboost", "xgboost of numbers", "logistic of three", "linear")


def target(name, frame):
    worth = np.nan_to_num(frame["a"]) + 0.3 * frame["visits"] + frame["member"]
    if "two targets" in name:
        return np.column_stack([worth, -worth])
    if "three" in name:
        return pd.cut(worth, 3, labels=False).to_numpy()
    return worth if "numbers" in name or name in {"histogram", "linear"} else (worth > 1).to_numpy()


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def model(name):
        if name not in made:
            encoder, estimator = PIPELINES[name]
            frame = table()
            pipeline = make_pipeline(columns(encoder(), flags=name == "linear"), estimator)
            pipeline.fit(frame, target(name, frame))
            signature = infer(pipeline, "sklearn", frame)
            program = convert(pipeline, signature)
            made[name] = program if isinstance(program, Program) else Program(program), signature
        return made[name]

    return model


def drawn(seed, *, odd):
    """A row as a request brings it; perhaps with gaps, unknown words, infinities, large numbers."""
    rng = np.random.default_rng(seed)
    numbers = (rng.normal(size=3) * [1, 40, 1e5]).tolist()
    towns, tongues = [*TOWNS], [*TONGUES]
    if odd:
        numbers = [
            rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, 1e-320, -1e39, value])
            if rng.random() < 0.3
            else value
            for value in numbers
        ]
        towns, tongues = [*towns, "", "rome"], [*tongues, "xx"]
    visits = int(rng.integers(-5, 2**60 if odd and rng.random() < 0.2 else 20))
    return row(
        **dict(zip("abc", numbers, strict=True)),
        visits=visits,
        member=bool(rng.random() < 0.5),
        town=towns[rng.integers(len(towns))],
        tongue=tongues[rng.integers(len(tongues))],
    )


USUAL = {
    "a": 0.5, "b": 1.5, "c": 2.5, "visits": 3, "member": True, "town": "Oslo", "tongue": "no",
}  # fmt: skip


def row(**values):
    cells = {**USUAL, **values}
    arrays = [
        of_objects([value]) if name in {"town", "tongue"} else np.array([value])
        for name, value in cells.items()
    ]
    return Columns(tuple(cells), arrays, None, 1)


def says(model, given):
    try:
        return model.predict(given)
    except RowsRefused:
        return None


def assert_same(known, prediction):
    for one, other in (
        (known.values, prediction.values),
        (known.probabilities, prediction.probabilities),
    ):
        if one is None or other is None:
            assert one is other
            continue
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert one.tobytes() == other.tobytes()


def assert_lane_holds(program, signature):
    lane, known = one_row(program, signature), CompiledModel(program, signature)
    assert lane is not None
    for odd in (False, True):
        answered = 0
        for seed in range(100):
            given = drawn(seed, odd=odd)
            prediction = lane(given)
            if prediction is None:
                continue
            answered += 1
            wanted = says(known, given)
            assert wanted is not None, "a row that the program refuses was answered"
            assert_same(wanted, prediction)
        assert answered == 100 if not odd else answered > 30


@pytest.mark.parametrize("name", PIPELINES)
def test_one_row_has_the_bits_of_the_program(library, fitted, name):
    program, signature = fitted(name)
    assert_lane_holds(native(program), signature)


@pytest.mark.parametrize("name", WITHOUT_LIBRARY)
def test_trees_of_onnx_runtime_and_products_are_asked_one_row_too(fitted, name):
    assert_lane_holds(*fitted(name))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_block_of_floats_is_read_in_its_own_precision(library, dtype):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(200, 4)).astype(dtype), columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=9))
    pipeline.fit(frame, frame["a"] > 0)
    signature = infer(pipeline, "sklearn", frame)
    program = native(convert(pipeline, signature))
    lane, known = one_row(program, signature), CompiledModel(program, signature)
    for given in rng.normal(size=(100, 1, 4)).astype(dtype):
        block = Columns.from_block(tuple("abcd"), given)
        assert_same(known.predict(block), lane(block))


def test_columns_of_another_dtype_are_left_to_the_program(library, fitted):
    program, signature = fitted("xgboost")
    lane = one_row(native(program), signature)
    assert lane(row()) is not None
    # So an integer comes where others of its column are null.
    assert lane(row(visits=3.0)) is None


@pytest.mark.parametrize(
    "given", [row(a=np.inf), row(visits=2**60), row(c=1e300)], ids=["infinite", "whole", "large"]
)
def test_a_row_that_is_out_of_the_ordinary_is_left_to_the_program(library, fitted, given):
    program, signature = fitted("forest")
    assert one_row(native(program), signature)(given) is None


def test_the_first_of_equal_classes_is_said_of_one_row_too(library):
    frame = pd.DataFrame({"a": [0.0, 0.0, 1.0, 1.0]})
    trees = RandomForestClassifier(3, bootstrap=False, random_state=0)
    trees.fit(frame, ["x", "y", "y", "x"])
    signature = infer(trees, "sklearn", frame)
    program = native(convert(trees, signature))
    prediction = one_row(program, signature)(Columns.from_block(("a",), np.zeros((1, 1))))
    assert prediction.values.tolist() == ["x"]
    assert prediction.probabilities.tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    "estimator", [KNeighborsClassifier(3), GaussianNB(), MinMaxScaler()], ids=str
)
def test_operations_that_have_no_form_for_one_row_keep_their_program(estimator):
    frame = table()[["a", "b"]].dropna()
    estimator.fit(frame, (frame["a"] > 0).astype(int))
    signature = infer(estimator, "sklearn", frame)
    program = convert(estimator, signature)
    assert one_row(program if isinstance(program, Program) else Program(program), signature) is None


def test_wide_rows_keep_their_program():
    rng = np.random.default_rng(0)
    for width, is_none in ((form.MOST_VALUES, False), (form.MOST_VALUES + 1, True)):
        frame = pd.DataFrame(rng.normal(size=(20, width)))
        frame.columns = [f"x{j}" for j in range(width)]
        linear = LinearRegression().fit(frame, frame["x0"])
        signature = infer(linear, "sklearn", frame)
        assert (one_row(convert(linear, signature), signature) is None) == is_none


def test_other_bits_keep_the_program(library, fitted, monkeypatch, caplog):
    program, signature = fitted("xgboost")
    monkeypatch.setattr(scores, "_MOST_SINGLE_POWER", -1.0)
    assert one_row(native(program), signature) is None
    assert "other bits" in caplog.text


def test_a_loaded_version_says_of_one_row_what_it_says_of_it_among_others(library, fitted):
    program, signature = fitted("xgboost")
    model = load_fastest(storage.dump(program), signature)
    given = [drawn(seed, odd=False) for seed in range(20)]
    names = given[0].names
    together = Columns(
        names, [np.concatenate([one[name] for one in given]) for name in names], None, len(given)
    )
    known = model.predict(together)
    for at, one in enumerate(given):
        assert_same(known.slice(at, at + 1), model.predict(one))
    with pytest.raises(RowsRefused, match="infinities"):
        model.predict(row(a=np.inf))
