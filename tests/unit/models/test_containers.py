"""What an estimator was fitted on is found by asking it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from serve_app.errors import InvalidInput
from serve_app.models.containers import find

RNG = np.random.default_rng(4)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["age", "income", "debt"])
VALUE = FRAME["age"] * 3 - FRAME["debt"]
WORDS = pd.DataFrame({"text": ["good day", "bad rain", "good sun", "bad night"] * 5})
GOOD = WORDS["text"].str.startswith("good")


class Ratio(TransformerMixin, BaseEstimator):
    """Reads its columns by name and forgets them."""

    def fit(self, rows, target=None):
        return self

    def transform(self, rows):
        return np.column_stack([rows["income"] - rows["debt"], rows["age"]])


class ByPlace(RegressorMixin, BaseEstimator):
    """Takes frames and looks at places alone."""

    def fit(self, rows, target):
        self.mean_ = target.mean()
        return self

    def predict(self, rows):
        return rows.iloc[:, 0].to_numpy() + self.mean_


class Lowered(TransformerMixin, BaseEstimator):
    """Wants a list and nothing else."""

    def fit(self, rows, target=None):
        return self

    def transform(self, rows):
        if not isinstance(rows, list):
            raise TypeError("a list of texts, please")
        return np.array([[len(one)] for one in rows])


def found(estimator, frame):
    return find(estimator, estimator.predict, frame)


def test_names_known_to_the_estimator_want_a_frame():
    one = found(LinearRegression().fit(FRAME, VALUE), FRAME)
    assert (one.container, one.by_position) == ("frame", False)


def test_a_matrix_is_given_where_a_matrix_was_and_order_is_all_there_is():
    one = found(LinearRegression().fit(FRAME.to_numpy(), VALUE), FRAME)
    assert (one.container, one.by_position) == ("array", True)


def test_a_step_that_reads_columns_by_name_gets_a_frame_and_goes_by_name():
    one = found(make_pipeline(Ratio(), LinearRegression()).fit(FRAME, VALUE), FRAME)
    assert (one.container, one.by_position) == ("frame", False)


def test_a_step_that_looks_at_places_goes_by_position():
    one = found(ByPlace().fit(FRAME, VALUE), FRAME)
    assert (one.container, one.by_position) == ("frame", True)


@pytest.mark.parametrize("rows", [20, 3, 1])
def test_words_are_given_as_their_column_alone(rows):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(WORDS["text"], GOOD)
    one = found(model, WORDS.head(rows))
    assert (one.container, one.by_position) == ("series", False)


def test_a_list_is_given_where_nothing_else_is_taken():
    model = make_pipeline(Lowered(), StandardScaler(), LinearRegression())
    one = found(model.fit(WORDS["text"].tolist(), GOOD), WORDS)
    assert one.container == "list"


def test_where_two_ways_differ_the_truth_decides():
    """Of a frame `max` is the largest of each column, of a matrix the largest of all."""
    model = make_pipeline(FunctionTransformer(lambda rows: rows / np.max(rows)), LinearRegression())
    model.fit(FRAME.to_numpy(), VALUE)

    def fit(said):
        return -float(np.mean((said - VALUE.to_numpy()[: len(said)]) ** 2))

    assert find(model, model.predict, FRAME, fit).container == "array"


def test_what_works_in_no_way_is_refused_with_the_first_reason():
    model = LinearRegression().fit(FRAME, VALUE)
    with pytest.raises(InvalidInput, match="feature names should match"):
        found(model, FRAME.set_axis(["a", "b", "c"], axis=1).astype(str) + "x")


def test_a_model_that_gives_fewer_answers_than_rows_is_refused():
    model = ByPlace().fit(FRAME, VALUE)
    with pytest.raises(InvalidInput, match="1 answers for 60 rows"):
        find(model, lambda rows: np.asarray(model.predict(rows))[:1], FRAME)
