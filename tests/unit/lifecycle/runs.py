"""Small runs for tests: their rows, their pipeline, and what interrupts them."""

import itertools

import numpy as np
import pandas as pd

from serve_app.config.pipeline import PipelineSettings
from serve_app.lifecycle.executor import InThisProcess
from serve_app.lifecycle.fold_data import load_fold_data
from serve_app.lifecycle.sequence import Means
from serve_app.lifecycle.training import Training
from serve_app.registry.store import Registry

ROWS = 240


def rows(seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(50, 10, ROWS), "visits": rng.integers(0, 9, ROWS)})
    chance = 1 / (1 + np.exp(-(frame["age"] - 50) / 4 - frame["visits"] + 4))
    return frame.assign(churned=np.where(rng.random(ROWS) < chance, "yes", "no"))


def settings(**more):
    given = {
        "pipeline": "churn",
        "model": "churn",
        "data": {"source": "rows.csv", "target": "churned"},
        "validation": {"kind": "stratified", "folds": 2},
        "candidates": ["linear"],
        "search": {"trials": 5, "parallel": 2, "seed": 3},
        "gates": {"beats_baseline": True},
    }
    return PipelineSettings.model_validate({**given, **more})


class Dies(BaseException):
    """A process that is killed runs nothing more of ours."""


def training(home, *, dies_after=None, report=lambda progress: None):
    """What runs are made with; `dies_after` so many trials nothing goes on."""
    judged = itertools.count(1)

    def watched(progress):
        report(progress)
        if progress.kind == "trial" and next(judged) == dies_after:
            raise Dies

    def here(place):
        return InThisProcess(load_fold_data(place))

    clock = itertools.count(100)
    means = Means(Registry(str(home / "registry")), here, lambda: float(next(clock)))
    return Training(home / "runs", means, watched)


def trained(made, wanted):
    return made.work_on(made.create(wanted))


def dies_when(at):
    def report(progress):
        if (progress.step, progress.kind) == at:
            raise Dies

    return report
