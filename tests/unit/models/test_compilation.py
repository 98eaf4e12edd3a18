"""Few rows prove no less than many: what a program learned is probed too."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from serve_app.core.messages import Prediction
from serve_app.models.compilation import TIMED_ROWS, compilation
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer
from serve_app.models.sklearn import SklearnModel

RNG = np.random.default_rng(1)
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(50, 10, 90),
        "visits": RNG.integers(0, 5, 90) * 100,
        "city": RNG.choice(["Oslo", "Rome"], 90),
    }
)
FITTED = make_pipeline(
    make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city", "visits"])),
    LogisticRegression(),
).fit(FRAME, FRAME["age"] > 50)
FEW = FRAME[(FRAME["city"] == "Oslo") & (FRAME["visits"] == 0)].head(2)


class Otherwise:
    """The library, but for rows that hold one value in one column."""

    def __init__(self, model, name, value):
        self._model, self._name, self._value = model, name, value
        self.rows = []

    def predict(self, columns):
        """What the library says, turned round for those rows."""
        self.rows.append(columns.rows)
        said = self._model.predict(columns)
        odd = columns.as_dict()[self._name] == self._value
        return Prediction(np.where(odd, ~said.values, said.values), said.probabilities)

    def predict_with_scores(self, columns):
        return self._model.predict_with_scores(columns)


def compiled(name, value):
    signature = infer(FITTED, "sklearn", FEW)
    native = Otherwise(SklearnModel(FITTED, signature), name, value)
    return compilation(FITTED, native, signature, to_columns(FEW)), native


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("city", "Rome"),
        ("age", FITTED[0].named_transformers_["standardscaler"].mean_[0]),
        ("visits", 400),
    ],
    ids=["word", "number", "whole number"],
)
def test_what_differs_where_no_row_was_given_is_found(name, value):
    assert value not in FEW[name].tolist()
    found, _ = compiled(name, value)
    assert found.content is None
    assert "for a probed row" in found.reason


def test_the_speed_of_many_rows_is_measured_with_many_rows():
    found, native = compiled("city", "nowhere")
    assert found.content is not None
    assert list(found.speedup) == [str(rows) for rows in TIMED_ROWS]
    # The last that are asked are those that are timed.
    assert native.rows[-1] == TIMED_ROWS[-1]
