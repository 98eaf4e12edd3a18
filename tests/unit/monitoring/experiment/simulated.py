"""Experiments that never were: exposures and labels by a seed."""

import numpy as np

from serve_app.config.experiment import ExperimentSettings
from serve_app.control.experiment_settings import plan_of
from serve_app.core.experiment import Experiment
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant
from serve_app.monitoring.experiment.analysis import Recorded
from serve_app.monitoring.experiment.entries import Observed
from serve_app.monitoring.experiment.exposures import Exposures, Labels, units_of

START_S = 1_000_000.0
CLASSES = Output("classification", ("ill", "well"), probabilities=True)
NUMBERS = Output("regression")


def objects(values):
    made = np.empty(len(values), object)
    made[:] = values
    return made


def exposures(arm, **given):
    """One request of a row a second, all of the same weights, unless it is given otherwise."""
    arm = np.asarray(arm, np.int64)
    n = len(arm)
    known = {
        "at_s": START_S + np.arange(n, dtype=np.float64),
        "arm": arm,
        "prediction_id": objects([f"p{i}" for i in range(n)]),
        "row": np.zeros(n, np.int64),
        "subject": objects([None] * n),
        "epoch": np.ones(n, np.int64),
        "propensity": np.full(n, 0.5),
        "answered": np.ones(n, np.bool_),
        "took_s": np.full(n, 0.01),
        "covariate": np.full(n, np.nan),
    }
    return Exposures(**{**known, **given})


def labels(n, **given):
    known = {
        "delay_s": np.full(n, np.nan),
        "reward": np.full(n, np.nan),
        "truth": objects([None] * n),
        "value": objects([None] * n),
        "probabilities": objects([None] * n),
    }
    return Labels(**{**known, **given})


def rewarded(reward, delay_s=1.0):
    reward = np.asarray(reward, np.float64)
    late = np.broadcast_to(np.asarray(delay_s, np.float64), reward.shape)
    return labels(len(reward), reward=reward, delay_s=np.where(np.isnan(reward), np.nan, late))


def observed(rows, known, output=CLASSES):
    return Observed(rows, known, units_of(rows), output)


def metric(**settings):
    """A metric as it is described."""
    made = plan_of(ExperimentSettings(name="x", primary=settings), route())
    return made["metrics"][0]


def route(variants=("a@1", "b@1"), kind="split", weights=None, key=None):
    given = weights or [1.0] * len(variants)
    versions = tuple(Variant(v, w) for v, w in zip(variants, given, strict=True))
    return RouteSpec(kind, versions, {} if key is None else {"key": key})


def endpoint(settings, output=CLASSES, **of_route):
    spec = route(**of_route)
    described = plan_of(ExperimentSettings.model_validate({"name": "x", **settings}), spec)
    signature = Signature((Column("age", "float64"),), output)
    return Endpoint("e", spec, signature, 1, 0.8, experiment=described)


def running(started_s=START_S, **changed):
    return Experiment("x", "d", **{"phase": "running", "started_s": started_s, **changed})


def recorded(rows, known, until_s=None, **more):
    last_s = float(rows.at_s[-1]) + 10 if until_s is None else until_s
    return Recorded(rows, known, last_s, **more)
