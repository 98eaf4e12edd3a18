"""Converts clusters and mixtures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import NearestCentroid

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import AsFloat, Elementwise
from serve_app.models.compiled.classes import Difference, Largest, LogShares
from serve_app.models.compiled.clusters import (
    CentreDistances,
    CentreScores,
    Clouds,
    NearestCentre,
)
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
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


@predicts(NearestCentroid)
def _nearest_centroid(model: Any, given: Given) -> Scored:
    dense(given, model)
    if model.metric != "euclidean":
        msg = f"a NearestCentroid measures by the metric {model.metric!r}"
        raise Inconvertible(msg)
    labels = as_array(model.classes_)
    spread = as_array(model.within_class_std_dev_)
    scale = np.where(spread == 0, 1.0, spread)
    centres = as_array(model.centroids_)
    priors = 2.0 * np.log(model.class_prior_)
    scores = chain(Elementwise("divide", scale), CentreScores(centres / scale, priors))
    alike = bool(np.isclose(model.class_prior_, 1 / len(labels)).all())
    classes = NearestCentre(centres) if alike else chain(scores, Largest())
    decision = chain(scores, Difference()) if len(labels) == 2 else scores
    rows = screened(given, dtype="float64")
    return Scored(rows, decision, chain(scores, LogShares()), classes, labels)


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
