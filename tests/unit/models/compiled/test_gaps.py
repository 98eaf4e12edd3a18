"""Gaps are filled as the library fills them, whoever of the neighbours is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - it makes it public
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer

from serve_app.core.columns import Columns
from serve_app.models.compiled.gaps import AsFloats
from serve_app.models.compiled.operation import Refused
from serve_app.models.convert.dispatch import Given, transformer
from serve_app.models.frames import describe, to_columns

pytestmark = pytest.mark.filterwarnings("ignore")


def with_gaps(random, rows, share):
    values = random.normal(size=(rows, 4))
    return np.where(random.random(values.shape) < share, np.nan, values)


def filled(model, rows):
    operation, handed_on = transformer(model, Given(rows.shape[1]))
    out = operation(rows)
    assert out.shape[1] == handed_on.width
    return out


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), share=st.floats(0, 0.95), count=st.integers(1, 30),
    weights=st.sampled_from(["uniform", "distance"]), flags=st.booleans(),
)  # fmt: skip
def test_neighbours_fill_gaps_as_scikit_learn_lets_them(seed, share, count, weights, flags):
    random = np.random.default_rng(seed)
    model = KNNImputer(n_neighbors=count, weights=weights, add_indicator=flags)
    model.fit(with_gaps(random, 25, share))
    rows = with_gaps(random, 15, share)
    np.testing.assert_allclose(filled(model, rows), model.transform(rows), rtol=1e-9, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.7), flags=st.booleans())
def test_models_fill_gaps_in_turn_as_in_scikit_learn(seed, share, flags):
    random = np.random.default_rng(seed)
    model = IterativeImputer(max_iter=2, add_indicator=flags, random_state=0)
    model.fit(with_gaps(random, 40, share))
    rows = with_gaps(random, 15, share)
    np.testing.assert_allclose(filled(model, rows), model.transform(rows), rtol=1e-9, atol=1e-9)


def test_gaps_where_training_had_none_are_refused_by_flags_that_say_so():
    trained = np.array([[np.nan, 1.0], [2.0, 3.0]])
    model = MissingIndicator().fit(trained)
    assert filled(model, trained).tolist() == model.transform(trained).tolist()
    with pytest.raises(Refused):
        filled(model, np.array([[1.0, np.nan]]))


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64", "Int32", "boolean"])
@pytest.mark.parametrize("strategy", ["constant", "most_frequent", "mean"])
def test_a_column_keeps_the_type_that_scikit_learn_leaves_it(dtype, strategy):
    frame = pd.DataFrame({"a": pd.array([1, 0, 1, 1], dtype=dtype), "b": [1.0, 2.0, 2.0, 4.0]})
    if dtype in {"Int32", "boolean"}:
        frame.loc[1, "a"] = None
    for columns in (["a"], ["a", "b"]):
        model = SimpleImputer(strategy=strategy).fit(frame[columns])
        given_ = Given(len(columns), describe(frame[columns]))
        operation, _ = transformer(model, given_)
        ours, theirs = operation(to_columns(frame[columns])), model.transform(frame[columns])
        assert (ours.dtype, ours.tolist()) == (theirs.dtype, theirs.tolist())


def test_truth_values_become_floats_and_their_gaps_nan():
    values = np.array([True, None, False], dtype=object)
    (array,) = AsFloats((0,))(Columns.of({"a": values})).arrays
    np.testing.assert_array_equal(array, [1.0, np.nan, 0.0])
