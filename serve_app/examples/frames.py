"""The example data as frames with their target, for pipelines that import them."""

from __future__ import annotations

import pandas as pd

from serve_app.examples.datasets import Dataset, breast_cancer, diabetes, wine


def diagnosis() -> pd.DataFrame:
    """569 patients with their `diagnosis`, benign or malignant."""
    return _with_target(breast_cancer())


def progression() -> pd.DataFrame:
    """442 patients with the `progression` of their disease a year later."""
    return _with_target(diabetes())


def cultivar() -> pd.DataFrame:
    """178 wines with their `cultivar`."""
    return _with_target(wine())


def _with_target(data: Dataset) -> pd.DataFrame:
    target = data.named_target if data.labels else data.target
    return data.frame.assign(**{data.predicts: target})
