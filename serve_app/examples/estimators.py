"""Unfitted estimators of the examples, which pipelines import."""

from __future__ import annotations

from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def features() -> Pipeline:
    """Fills gaps and keeps the 15 columns that say most of the class.

    It does arithmetic of single cells only: a row comes out the same in a batch of any size.
    """
    chain = make_pipeline(SimpleImputer(strategy="median"), SelectKBest(f_classif, k=15))
    chain.set_output(transform="pandas")
    return chain


def logistic() -> Pipeline:
    """A logistic regression of standardised numbers, in which gaps are filled."""
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )


def meta() -> LogisticRegression:
    """What puts the answers of a stack's members together."""
    return LogisticRegression()
