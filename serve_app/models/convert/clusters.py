"""Converts clusters and mixtures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import AsFloat
from serve_app.models.compiled.classes import Largest, LogShares
from serve_app.models.compiled.clusters import (
    CentreDistances,
    Clouds,
    NearestCentre,
)
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    Given,
    Scored,
    as_array,
    dense,
    predicts,
    screened,
    transforms,
)


@predicts(KMeans, MiniBatchKMeans)
def _nearest_centre(model: Any, given: Given) -> Scored:
    nearest = NearestCentre(as_array(model.cluster_centers_))
    return Scored(chain(screened(given), AsFloat(), nearest))


@transforms(KMeans, MiniBatchKMeans)
def _distances(model: Any, given: Given) -> tuple[Operation, Given]:
    centres = as_array(model.cluster_centers_)
    operation = chain(screened(given), AsFloat(), CentreDistances(centres))
    return operation, replace(given.matrix(len(centres)), sparse=False)


@predicts(GaussianMixture, BayesianGaussianMixture)
def _mixture(model: Any, given: Given) -> Scored:
    dense(given, model)
    offsets = _offsets(model)
    turns = as_array(model.precisions_cholesky_)
    kind = model.covariance_type
    if kind == "tied":
        turns = turns[np.newaxis]
    elif kind != "full":
        turns = turns**2
    clouds = Clouds(kind, as_array(model.means_), turns, offsets)
    scores = chain(screened(given), AsFloat(), clouds)
    return Scored(scores, None, LogShares(), Largest(), np.arange(len(offsets)))


def _offsets(model: Any) -> Array:
    """What is added to every row's likelihood under each cloud.

    It is what the model says of a row at the mean, where the likelihood has no other part.
    """
    at_means = model._estimate_weighted_log_prob(model.means_)
    width = model.means_.shape[1]
    offsets: Array = np.diag(at_means) + 0.5 * width * np.log(2 * np.pi)
    return offsets
