"""Which column each feature of a transformer is made of, held against moving that column."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from serve_app.models.explain.origins import origins_of

NUMBERS, WORDS = ["age", "dose"], ["town", "kind"]


def data():
    draw = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "town": draw.choice(["a", "b", "c", "d"], 80, p=[0.5, 0.3, 0.18, 0.02]),
            "age": draw.normal(50, 9, 80),
            "kind": draw.choice(["x", "y"], 80),
            "dose": draw.normal(2, 1, 80),
        }
    )
    frame.loc[3, "dose"] = np.nan
    return frame


KNOWN = {
    "columns": make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), WORDS),
    ),
    "dropped": make_column_transformer(
        (OneHotEncoder(drop="if_binary"), WORDS), ("passthrough", ["age"])
    ),
    "rare": make_column_transformer(
        (OneHotEncoder(min_frequency=10), WORDS), remainder="drop"
    ),
    "rest": make_column_transformer(
        (OrdinalEncoder(), [2, 0]), remainder=make_pipeline(SimpleImputer(), MinMaxScaler())
    ),
    "chosen": ColumnTransformer(
        [
            ("words", OneHotEncoder(drop="first"), make_column_selector(dtype_exclude="number")),
            ("numbers", "passthrough", [False, True, False, True]),
        ]
    ),
    "union": make_column_transformer(
        (make_union(StandardScaler(), KBinsDiscretizer(4)), ["age"]), (OneHotEncoder(), ["town"])
    ),
    "then": make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), WORDS), ("passthrough", ["age"])
        ),
        StandardScaler(),
    ),
    "gaps": make_column_transformer(
        (SimpleImputer(add_indicator=True), ["age", "dose"]), ("drop", WORDS)
    ),
    "best": make_column_transformer(
        (make_pipeline(SimpleImputer(), SelectKBest(k=1)), NUMBERS), (OneHotEncoder(), ["kind"])
    ),
    "moving": make_column_transformer((VarianceThreshold(30.0), NUMBERS)),
    "by a model": make_column_transformer(
        (make_pipeline(OneHotEncoder(), SelectFromModel(LogisticRegression())), WORDS),
    ),
}  # fmt: skip


def moved(transformer, frame):
    """The columns that each feature moves with, by moving them."""
    before = np.asarray(_dense(transformer.transform(frame)), dtype=float)
    movers = [set() for _ in range(before.shape[1])]
    for place, name in enumerate(frame.columns):
        other = frame.copy()
        other[name] = np.roll(frame[name].to_numpy(), 1)
        after = np.asarray(_dense(transformer.transform(other)), dtype=float)
        for feature in range(before.shape[1]):
            if not np.array_equal(before[:, feature], after[:, feature], equal_nan=True):
                movers[feature].add(place)
    return movers


def _dense(made):
    return made.toarray() if hasattr(made, "toarray") else made


@pytest.mark.parametrize("transformer", KNOWN.values(), ids=KNOWN)
def test_a_feature_moves_with_the_column_that_it_is_said_to_be_made_of(transformer):
    frame = data()
    fitted = transformer.fit(frame, np.arange(len(frame)) % 2)
    origins = origins_of(fitted, 4)
    movers = moved(fitted, frame)
    assert len(origins) == len(movers)
    assert [{origin} for origin in origins] == movers


@pytest.mark.parametrize(
    "transformer",
    [PCA(2), PolynomialFeatures(), Normalizer(), FunctionTransformer(np.log1p),
     make_pipeline(StandardScaler(), PCA(2)), make_column_transformer((PCA(1), NUMBERS))],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_what_mixes_columns_or_is_not_known_has_no_origins(transformer):
    frame = data()[NUMBERS].fillna(1.0).abs()
    assert origins_of(transformer.fit(frame), 2) is None


def test_nothing_at_all_keeps_columns_as_they_are():
    assert origins_of(None, 3) == origins_of("passthrough", 3) == [0, 1, 2]
    assert origins_of(FunctionTransformer().fit(data()), 4) == [0, 1, 2, 3]


def test_a_subclass_may_do_anything():
    class Mixing(StandardScaler):
        def transform(self, rows, copy=None):
            return super().transform(rows)[:, ::-1]

    assert origins_of(Mixing().fit(data()[NUMBERS].fillna(0)), 2) is None
