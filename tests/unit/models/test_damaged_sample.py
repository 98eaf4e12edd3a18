"""A sample in a manifest that somebody damaged: refused in words before anything answers."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import ArtifactRejected
from serve_app.models.replay import check, sample_columns

SIGNATURE = Signature(
    (Column("age", "float64"), Column("dose", "float64"), Column("sum", "decimal")),
    Output("regression", ()),
)
WHOLE = {"age": [1.0, 2.0], "dose": [3.0, None], "sum": ["1.5", None]}


def test_a_sample_as_it_was_written_is_read():
    assert sample_columns(WHOLE, SIGNATURE)["age"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"age": [1.0]}, "its columns have different lengths"),
        ({"age": ["", 2.0]}, "could not convert string to float"),
        ({"age": [{}, 2.0]}, "register the version again"),
        ({"age": 5}, "register the version again"),
        ({"sum": ["x", None]}, "register the version again"),
    ],
)
def test_a_damaged_one_is_refused_in_words(damage, words):
    with pytest.raises(ArtifactRejected, match=f"the version's sample is damaged.*{words}"):
        sample_columns({**WHOLE, **damage}, SIGNATURE)


def test_one_without_a_column_names_it():
    with pytest.raises(ArtifactRejected, match="it lacks the column 'dose'"):
        sample_columns({name: WHOLE[name] for name in ("age", "sum")}, SIGNATURE)


@pytest.mark.parametrize("values", [7, [1.0], [1.0, 2.0, 3.0], "ab", None])
def test_outputs_that_are_not_one_for_each_row_are_refused(values):
    class Model:
        def predict(self, columns):
            return Prediction(np.array([1.0, 2.0]))

    rows = Columns.of({"age": np.array([1.0, 2.0])})
    with pytest.raises(ArtifactRejected, match="it does not hold 2 values"):
        check(Model(), rows, {"values": values}, "regression")
