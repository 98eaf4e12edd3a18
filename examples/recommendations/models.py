"""What the study trains; pipelines import it by name."""

from __future__ import annotations

from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder


def by_position() -> Pipeline:
    """Probabilities of items at each position; `C` says how far positions may differ.

    Who looks plays no part: the policy of the log did not know it either.
    """
    columns = make_column_transformer((OneHotEncoder(), ["position"]))
    return make_pipeline(columns, LogisticRegression(max_iter=1_000))
