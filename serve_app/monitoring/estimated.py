"""Estimated quality of the windows of one version, from what gateways count of every row.

Classes by how often answers of such a score were right where the version was registered, numbers
by how far off such rows were. Both assume that the truth depends on the inputs as it did then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.binning import Counts, Layout
from serve_app.monitoring.estimate.calibration import Calibration
from serve_app.monitoring.estimate.cbpe import (
    by_threshold,
    estimate_accuracy,
    estimate_binary,
    estimate_macro_auc,
)
from serve_app.monitoring.profile.baseline import Baseline
from serve_app.monitoring.profile.error_model import PREDICTED, counts_of
from serve_app.monitoring.profile.predicted import Predicted
from serve_app.monitoring.quality.interval import LEVEL, MetricValue, around
from serve_app.monitoring.quality.score_bins import BINS

JUDGED = {"accuracy": 1, "auc": 1, "mae": -1, "rmse": -1}
"""Metrics that are held against those of registration; 1 where more is better, else -1."""
_IN_PROFILE = {"auc": "roc_auc"}
"""What a profile calls a metric otherwise."""
_THRESHOLD_SLACK = 0.005
"""Share of rows that a threshold may put into another class than the version did."""
Metrics = dict[str, MetricValue]
Method = Callable[[Counts], Metrics]


@dataclass(frozen=True, slots=True)
class WindowEstimate:
    """What is estimated of a window of so many predictions, which began at `start_s`.

    `bounds` are where metrics begin to be worse than chance allows, `worse` those that are.
    """

    start_s: int
    rows: int
    metrics: Mapping[str, MetricValue]
    bounds: Mapping[str, float]
    worse: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "start_s": self.start_s,
            "rows": self.rows,
            "metrics": {name: value.to_json() for name, value in self.metrics.items()},
            "bounds": dict(self.bounds),
            "worse": list(self.worse),
        }


class Estimator:
    """Estimates windows that are counted by one profile; `why_not` says where it cannot."""

    def __init__(self, layout: Layout, deviations: float) -> None:
        self._layout, self._deviations = layout, deviations
        method = _method(layout)
        self.why_not = method if isinstance(method, str) else None
        self._method: Method | None = None if isinstance(method, str) else method
        profile = layout.profile
        self._scored_rows = profile.scored_rows
        # Windows are held against what is estimated of the profile's own rows in the same way:
        # what bins leave out is left out of both.
        self.reference: Metrics = {} if self._method is None else self._method(layout.reference())

    def estimate(self, start_s: int, vector: NDArray[np.int64]) -> WindowEstimate:
        """The estimate of a window; it may be called where there is no `why_not`."""
        if self._method is None:
            raise ValueError(self.why_not)
        counts = Counts(self._layout, vector)
        rows = counts.predicted_rows
        metrics = self._method(counts)
        bounds, worse = {}, []
        for name, better in JUDGED.items():
            spread, before = self._spread(name, rows), self.reference.get(name)
            metric = metrics.get(name)
            if metric is None or metric.value is None or spread is None:
                continue
            metrics[name] = _with_interval(metric, spread)
            if before is None or before.value is None:
                continue
            # Both are samples: that of registration and this one.
            share = math.sqrt(1 + rows / max(1, self._scored_rows))
            bounds[name] = before.value - better * self._deviations * spread * share
            if better * (metric.value - bounds[name]) < 0:
                worse.append(name)
        return WindowEstimate(start_s, rows, metrics, bounds, tuple(worse))

    def _spread(self, name: str, rows: int) -> float | None:
        """The standard deviation of a metric in windows of so many rows at registration."""
        named, profile = _IN_PROFILE.get(name, name), self._layout.profile
        fitting = [one for one in profile.baselines if named in one.deviation]
        if not fitting or not rows:
            return None
        nearest: Baseline = min(fitting, key=lambda one: abs(math.log(one.rows / rows)))
        return nearest.deviation[named] * math.sqrt(nearest.rows / rows)


def _with_interval(metric: MetricValue, spread: float) -> MetricValue:
    """A metric with the interval in which that of as many labelled rows would lie."""
    bounds = (0.0, math.inf if metric.method == "delta" else 1.0)
    value = 0.0 if metric.value is None else metric.value
    return around(value, spread * spread, metric.n, "baseline", bounds, LEVEL)


def _method(layout: Layout) -> Method | str:
    """How a window is estimated, or why it cannot be."""
    profile = layout.profile
    names = [one.feature.name for one in profile.predictions]
    if not names:
        return "what this version predicts is not counted by itself"
    if names == ["value"]:
        return _of_numbers(layout)
    if "class" not in names:
        return "only one class or one number per row is estimated"
    calibrations = {one.score: Calibration.of_rates(one.rates) for one in profile.calibrations}
    if not calibrations:
        return "nothing is known of how often its answers are right: register it with its target"
    scores = [one for one in profile.predictions if one.of == "probability"]
    if len(scores) == 1 and scores[0].feature.name in calibrations:
        return _of_two(layout, scores[0], calibrations[scores[0].feature.name])
    return _of_several(layout, scores, calibrations)


def _of_two(layout: Layout, score: Predicted, calibration: Calibration) -> Method:
    edge = _threshold(layout, score)

    def estimate(counts: Counts) -> Metrics:
        bins = _bins(counts, score.feature.name)
        quality = estimate_binary(by_threshold(bins, 0.5 if edge is None else edge), calibration)
        if edge is not None:
            return quality.metrics
        # Which class was answered does not follow from the score.
        return {name: quality.metrics[name] for name in ("auc", "log_loss", "brier")}

    return estimate


def _of_several(
    layout: Layout, scores: list[Predicted], calibrations: Mapping[str, Calibration]
) -> Method | str:
    names = [one.feature.name for one in scores]
    ranked = [calibrations[name] for name in names if name in calibrations]
    confidence = calibrations.get("confidence")
    is_counted = "confidence" in layout.predictions
    if not (ranked and len(ranked) == len(names)) and (confidence is None or not is_counted):
        return "its profile does not say how often answers of a score are right: register it again"

    def estimate(counts: Counts) -> Metrics:
        metrics: Metrics = {}
        if confidence is not None and is_counted:
            metrics["accuracy"] = estimate_accuracy(_bins(counts, "confidence"), confidence)
        if ranked and len(ranked) == len(names):
            rows = np.array([_bins(counts, name) for name in names])
            metrics["auc"] = estimate_macro_auc(rows, ranked)
        return metrics

    return estimate


def _of_numbers(layout: Layout) -> Method | str:
    model = layout.profile.error_model
    if model is None:
        return (
            "nothing is known of its errors: register it with its target, by this release or later"
        )

    def by_name(counts: Counts) -> dict[str, NDArray[np.int64]]:
        features = {name: counts.vector[part] for name, part in layout.features.items()}
        return {**features, PREDICTED: counts.vector[layout.predictions["value"]]}

    if counts_of(model, by_name(layout.reference())) is None:
        return "its features are counted behind a transformer, and not by itself"

    def estimate(counts: Counts) -> Metrics:
        return model.estimate(counts_of(model, by_name(counts)) or {})

    return estimate


def _bins(counts: Counts, name: str) -> NDArray[np.int64]:
    """The rows in each of 100 bins of a probability; none of those outside."""
    cells = counts.prediction(name).counts
    return np.asarray(cells[1 : BINS + 1])


def _threshold(layout: Layout, score: Predicted) -> float | None:
    """From which probability on the second class is answered, where that can be told.

    It shows in the rows of the profile: as many must lie above as were answered so.
    """
    reference = layout.reference()
    answered = _answered(reference, score.label)
    if answered is None:
        return None
    bins = _bins(reference, score.feature.name)
    above = np.concatenate([np.cumsum(bins[::-1])[::-1], [0]])
    misplaced = np.abs(above - answered)
    # Of edges that fit alike, the one that is nearest to a half.
    edges = np.arange(BINS + 1) / BINS
    best = min(range(BINS + 1), key=lambda at: (misplaced[at], abs(edges[at] - 0.5)))
    if misplaced[BINS // 2] <= _THRESHOLD_SLACK * bins.sum():
        best = BINS // 2
    if misplaced[best] > _THRESHOLD_SLACK * bins.sum():
        return None
    return float(edges[best])


def _answered(counts: Counts, label: Any) -> int | None:
    """How many rows were answered with a class."""
    cells = counts.prediction("class")
    feature = cells.feature
    if feature.kind == "categories" and str(label) in feature.categories:
        return int(cells.counts[feature.categories.index(str(label))])
    if feature.kind == "values" and isinstance(label, bool | int | float):
        values = list(feature.values)
        return int(cells.counts[values.index(float(label))]) if float(label) in values else None
    return None
