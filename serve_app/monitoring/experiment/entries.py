"""What each unit adds to a metric, and from when on it counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from serve_app.core.signature import Output
from serve_app.monitoring.experiment.exposures import (
    Exposures,
    Floats,
    Ints,
    Labels,
    Objects,
    Units,
)
from serve_app.monitoring.quality.classification import Classes
from serve_app.monitoring.quality.sums import number

Kind = Literal["ratio", "root", "rank", "quantile"]
MS_PER_S = 1000.0
_SMALLEST = float(np.finfo(np.float64).eps)
BINARY = frozenset({"conversion", "error_rate", "accuracy", "precision", "recall"})
"""Metrics of yes and no."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Everything that metrics are made of: rows, what became known of them, and their units."""

    exposures: Exposures
    labels: Labels
    units: Units
    output: Output

    @property
    def is_first(self) -> Any:
        """Which rows stand for their request."""
        return self.exposures.row == 0


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """What counts in one metric; each entry belongs to a unit and counts from a time on.

    `ratio` is the sum of `a` by the sum of `b` (weighted by `weight`), `root` the square root of
    that, `rank` the chance that an entry with `b` 1 has a greater `a` than one with 0 (AUC),
    `quantile` one of `a`. `binary` says that `a` and `b` are 0 or 1.
    """

    kind: Kind
    unit: Ints
    a: Floats
    b: Floats
    weight: Floats
    counted_s: Floats
    binary: bool = False


def entries_of(metric: Mapping[str, Any], seen: Observed) -> Entries:
    """The entries of a metric as `ExperimentSettings` describes it."""
    name = metric["metric"]
    if name in {"conversion", "value"}:
        made = _of_units(name, metric["window_s"], seen)
    elif name == "ratio":
        made = _ratio(metric, seen)
    elif name == "quantile":
        made = _quantile(metric, seen)
    else:
        made = _of_rows(metric, seen)
    return made


def _entries(
    seen: Observed, rows: Any, a: Floats, b: Floats, counted_s: Floats, **more: Any
) -> Entries:
    """Entries of some rows of the exposures; `a`, `b` and `counted_s` have a value per row."""
    return Entries(
        more.pop("kind", "ratio"),
        seen.units.of_row[rows],
        a[rows],
        b[rows],
        1.0 / seen.exposures.propensity[rows],
        counted_s[rows],
        **more,
    )


def _known(metric: Mapping[str, Any], seen: Observed) -> tuple[Any, Floats]:
    """Which rows have feedback that counts, and from when on each does."""
    delay_s, at_s = seen.labels.delay_s, seen.exposures.at_s
    window_s = metric["window_s"]
    if window_s is None:
        return np.isfinite(delay_s), at_s + delay_s
    return delay_s <= window_s, at_s + window_s


def _of_rows(metric: Mapping[str, Any], seen: Observed) -> Entries:
    """Metrics of requests and of labelled rows."""
    name, exposures = metric["metric"], seen.exposures
    ones = np.ones(len(exposures))
    if name == "latency":
        took_ms = MS_PER_S * exposures.took_s
        rows = seen.is_first & exposures.answered & np.isfinite(took_ms)
        return _entries(seen, rows, took_ms, ones, exposures.at_s)
    if name == "error_rate":
        failed = (~exposures.answered).astype(np.float64)
        return _entries(seen, seen.is_first, failed, ones, exposures.at_s, binary=True)
    known, counted_s = _known(metric, seen)
    if name == "reward":
        rows = known & np.isfinite(seen.labels.reward)
        return _entries(seen, rows, seen.labels.reward, ones, counted_s)
    a, b = _quality(metric, seen)
    usable = known & np.isfinite(a) & np.isfinite(b)
    kind = {"rmse": "root", "auc": "rank"}.get(name, "ratio")
    return _entries(seen, usable, a, b, counted_s, kind=kind, binary=name in BINARY)


def _quality(metric: Mapping[str, Any], seen: Observed) -> tuple[Floats, Floats]:
    """What each row with a truth adds to a metric of answers; NaN for all others."""
    labels, name = seen.labels, metric["metric"]
    has_truth = np.array([one is not None for one in labels.truth], dtype=np.bool_)
    ones = np.where(has_truth, 1.0, np.nan)
    if name in {"rmse", "mae"}:
        error = _numbers(labels.value) - _numbers(labels.truth)
        return (error**2 if name == "rmse" else np.abs(error)), ones
    classes = Classes.of(seen.output.labels, metric.get("class"))
    truth = np.where(has_truth, classes.index_of(labels.truth.tolist()), -1)
    answer = np.where(has_truth, classes.index_of(labels.value.tolist()), -1)
    if name == "accuracy":
        return np.where(has_truth, truth == answer, np.nan).astype(np.float64), ones
    if name in {"log_loss", "brier"}:
        return _of_probabilities(name, labels.probabilities, truth, len(classes.labels)), ones
    positive = classes.labels.index(classes.positive) if classes.positive is not None else 1
    is_true, is_called = truth == positive, answer == positive
    if name == "auc":
        shares = _table(labels.probabilities, len(classes.labels))[:, positive]
        return np.where(has_truth, shares, np.nan), np.where(has_truth, is_true, np.nan)
    of = {"precision": is_called, "recall": is_true}.get(name)
    if of is not None:
        # Rows that neither are nor were called positive say nothing of either.
        b = np.where(has_truth & of, 1.0, np.nan)
        return np.where(has_truth, is_true & is_called, np.nan).astype(np.float64), b
    both = np.where(has_truth, 2.0 * (is_true & is_called), np.nan)
    return both, np.where(has_truth, is_true * 1.0 + is_called, np.nan)


def _of_probabilities(name: str, given: Objects, truth: Ints, classes: int) -> Floats:
    shares = _table(given, classes)
    inside = (truth >= 0) & (truth < classes)
    own = shares[np.arange(len(shares)), np.clip(truth, 0, classes - 1)]
    if name == "log_loss":
        return np.where(inside, -np.log(np.clip(own, _SMALLEST, 1 - _SMALLEST)), np.nan)
    if classes == 2:
        return np.where(inside, (1 - own) ** 2, np.nan)
    squares = np.asarray((shares**2).sum(axis=1), dtype=np.float64)
    return np.where(inside, squares - 2 * own + 1, np.nan)


def _table(given: Objects, classes: int) -> Floats:
    """Probabilities, rows by classes; NaN in rows that have none, or others."""
    table = np.full((len(given), classes), np.nan)
    for place, one in enumerate(given.tolist()):
        if one is not None and len(one) == classes:
            table[place] = one
    return table


def _numbers(values: Objects) -> Floats:
    return np.array([math.nan if one is None else number(one) for one in values.tolist()])


def _of_units(name: str, window_s: float | None, seen: Observed) -> Entries:
    """Whether a unit has a reward above 0, or the sum of its rewards."""
    units, labels, at_s = seen.units, seen.labels, seen.exposures.at_s
    n, of_row = len(units), units.of_row
    known_s = at_s + labels.delay_s
    counts = np.isfinite(labels.reward)
    if window_s is not None:
        counts &= known_s <= units.first_s[of_row] + window_s
    reward = np.where(counts, labels.reward, 0.0)
    if window_s is None:
        last_s = np.full(n, -np.inf)
        np.maximum.at(last_s, of_row[counts], known_s[counts])
        counted_s = np.where(np.isfinite(last_s), last_s, np.inf)
    else:
        counted_s = units.first_s + window_s
    if name == "value":
        a = np.bincount(of_row, reward, n).astype(np.float64)
    else:
        a = (np.bincount(of_row, reward > 0, n) > 0).astype(np.float64)
    unit = np.arange(n, dtype=np.int64)
    is_binary = name == "conversion"
    return Entries("ratio", unit, a, np.ones(n), units.weight, counted_s, binary=is_binary)


def _ratio(metric: Mapping[str, Any], seen: Observed) -> Entries:
    """Entries of two amounts: those of the numerator first."""
    parts = [
        _amount(metric[place], metric, seen, is_numerator=place == "numerator")
        for place in ("numerator", "denominator")
    ]
    unit = np.concatenate([part.unit for part in parts])
    fields = ("a", "b", "weight", "counted_s")
    a, b, weight, counted_s = (
        np.concatenate([getattr(part, name) for part in parts]) for name in fields
    )
    return Entries("ratio", unit, a, b, weight, counted_s)


def _amount(name: str, metric: Mapping[str, Any], seen: Observed, *, is_numerator: bool) -> Entries:
    exposures, labels, first = seen.exposures, seen.labels, seen.is_first
    waits_s = metric["window_s"] or 0.0
    counted_s, rows = exposures.at_s + waits_s, first
    if name in {"reward", "conversions"}:
        known, counted_s = _known(metric, seen)
        rows = known & np.isfinite(labels.reward)
        amount = labels.reward if name == "reward" else (labels.reward > 0) * 1.0
    elif name == "latency":
        amount = MS_PER_S * exposures.took_s
        rows = first & exposures.answered & np.isfinite(amount)
    elif name == "errors":
        amount = (~exposures.answered).astype(np.float64)
    else:
        amount = np.ones(len(exposures))
        rows = np.ones(len(exposures), np.bool_) if name == "rows" else first
    zeros: Floats = np.zeros(len(exposures))
    own: Floats = np.asarray(amount, dtype=np.float64)
    a, b = (own, zeros) if is_numerator else (zeros, own)
    return _entries(seen, rows, a, b, counted_s)


def _quantile(metric: Mapping[str, Any], seen: Observed) -> Entries:
    """One value of each unit, its first, so that values are independent.

    They cannot be weighted: only those of the newest weights count.
    """
    exposures = seen.exposures
    if metric["of"] == "latency":
        values, counted_s = MS_PER_S * exposures.took_s, exposures.at_s
        rows = seen.is_first & exposures.answered & np.isfinite(values)
    else:
        known, counted_s = _known(metric, seen)
        values, rows = seen.labels.reward, known & np.isfinite(seen.labels.reward)
    if len(exposures):
        rows = rows & (exposures.epoch == exposures.epoch.max())
    places = np.flatnonzero(rows)
    _, first = np.unique(seen.units.of_row[places], return_index=True)
    chosen = places[first]
    ones = np.ones(len(exposures))
    return _entries(seen, chosen, values, ones, counted_s, kind="quantile")
