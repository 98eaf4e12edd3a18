"""Compiled models that compute for milliseconds, so that processors and not HTTP are the limit."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

COLUMNS = 8
# Whole numbers: a forest on them has few thresholds, so that its proof takes seconds.
VALUES = 40
TRAINING_ROWS = 300
SEED = 12
TIMED_CALLS = 30
LARGE_ROWS = 10_000

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forest:
    """A forest of so many deep trees; each row costs the same, alone or among others."""

    name: str
    trees: int


# A compiled forest may have 3,000,000 nodes, and each of these trees has about 380.
WIDE = Forest("wide-forest", 6000)
# Of the wide one, 10,000 rows would take seconds a call.
LARGE = Forest("forest-for-large-bodies", 300)


def matrix(rows: int, seed: int) -> Matrix:
    """Rows of numbers like those that the forests were trained on, always the same ones."""
    drawn = np.random.default_rng(seed).integers(0, VALUES, (rows, COLUMNS))
    return drawn.astype(np.float64)


def names() -> list[str]:
    """The columns of the forests."""
    return [f"column_{index}" for index in range(COLUMNS)]


def registered(registry: Path, forest: Forest) -> str:
    """The reference of a forest in a registry; trained, proven and stored if it was not yet."""
    store = Registry(str(registry))
    if forest.name not in store.models():
        values = matrix(TRAINING_ROWS, SEED)
        target = values[:, 0] * values[:, 1] + values.sum(axis=1)
        fitted = RandomForestRegressor(
            n_estimators=forest.trees, max_features=2, random_state=SEED, n_jobs=-1
        )
        frame = pd.DataFrame(values, columns=names())
        candidate = Candidate(forest.name, fitted.fit(frame, target), frame)
        register(store, candidate, compile="required")
    return f"{forest.name}@1"


def call_ms(registry: Path, forest: Forest, rows: int) -> float:
    """The median time of a call with so many rows in this process, other rows each time."""
    loaded = load(Registry(str(registry)), forest.name, 1)
    spent_ms: list[float] = []
    for seed in range(TIMED_CALLS):
        columns = Columns.from_block(tuple(names()), matrix(rows, seed))
        started = time.perf_counter()
        loaded.model.predict(columns)
        spent_ms.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(spent_ms), 2)
