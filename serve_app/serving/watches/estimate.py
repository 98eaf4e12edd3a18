"""The watch over estimated quality: how good answers probably are, before labels come."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from serve_app.core.labelled import LabelledRow
from serve_app.monitoring import catalogue
from serve_app.monitoring.binning import PREDICTED, Layout
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.estimated import JUDGED, Estimator, WindowEstimate
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.realised import Realised, Span, realised
from serve_app.monitoring.window import Series, Window
from serve_app.monitoring.windows import Limits, Merged
from serve_app.serving.watches.layouts import Layouts
from serve_app.serving.watches.watch import Sources

KEPT = 48
"""Windows of each version that are estimated."""
MAX_LABELLED = 200_000
"""Labelled rows that are read for a report; of older windows only estimates are said then."""
DAY_S = 86_400.0
ASSUMES = "no concept drift"


class EstimatedQuality:
    """Estimates the windows that have closed, all of them anew: they are kept, not estimates."""

    name = "estimate answers"
    kind = "estimate"
    pause_s = 60.0
    # What gateways held while no monitor was there comes before windows are estimated.
    first_s = 15.0

    def __init__(self, sources: Sources, layouts: Layouts) -> None:
        self._sources = sources
        self._args = sources.args.estimate
        self._layouts = layouts
        self._lock = threading.Lock()
        self._estimators: dict[Series, tuple[Layout, Estimator]] = {}
        self._windows: Mapping[Series, Sequence[WindowEstimate]] = {}

    def restore(self) -> None:
        """Estimate the windows that a former process had."""
        self.run()

    def run(self) -> None:
        """Estimate the windows that have closed."""
        intake = self._sources.intake
        with self._lock:
            layouts = self._layouts.of(intake.read(Merged.series))
            known = {series: one for series, one in layouts.items() if one is not None}
            self._estimators = {series: self._estimator(series, one)
                                for series, one in known.items()}  # fmt: skip
            self._windows = {
                series: self._estimated(series, estimator)
                for series, (_, estimator) in self._estimators.items()
                if estimator.why_not is None
            }

    def samples(self) -> Iterator[Sample]:
        """What is estimated of the last window of each version."""
        for series, windows in self._windows.items():
            if not windows:
                continue
            last = windows[-1]
            for name, metric in last.metrics.items():
                bounds = {"value": metric.value, "low": metric.low, "high": metric.high,
                          "threshold": last.bounds.get(name)}  # fmt: skip
                for bound, value in bounds.items():
                    labels = (series.endpoint, series.variant, name, bound)
                    if value is not None:
                        yield Sample(catalogue.ESTIMATED_METRIC, labels, value)

    def findings(self) -> list[Finding]:
        """The metrics that are estimated worse than at registration in enough windows."""
        return [
            Finding(
                self.kind,
                series.endpoint,
                series.variant,
                name,
                f"{name} of {series.variant} is estimated at {last.metrics[name].value:.4g}, and "
                f"chance goes to {last.bounds[name]:.4g}: more of its rows are of a kind that it "
                "answers badly",
                value=last.metrics[name].value,
                threshold=last.bounds[name],
            )
            for series, windows in sorted(self._windows.items())
            for name in self._worse(windows)
            for last in [next(one for one in reversed(windows) if name in one.worse)]
        ]

    def estimates(self, endpoint: str) -> dict[str, Sequence[WindowEstimate]]:
        """The windows that were estimated of each version of an endpoint."""
        known = self._windows
        return {one.variant: some for one, some in known.items() if one.endpoint == endpoint}

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:
        """What is estimated of each version, beside what came true in the same windows."""
        since_s = self._sources.clock() - within_s
        with self._lock:
            estimators, windows = dict(self._estimators), dict(self._windows)
        names = {series.endpoint for series in estimators if endpoint in {None, series.endpoint}}
        return [
            one
            for name in sorted(names)
            for one in self._reports(
                {s: e for s, (_, e) in estimators.items() if s.endpoint == name},
                {s: [w for w in some if w.start_s >= since_s] for s, some in windows.items()},
            )
        ]

    def _estimator(self, series: Series, layout: Layout) -> tuple[Layout, Estimator]:
        known = self._estimators.get(series)
        if known is not None and known[0] is layout:
            return known
        return layout, Estimator(layout, self._args.deviations)

    def _estimated(self, series: Series, estimator: Estimator) -> list[WindowEstimate]:
        """The last windows that have enough rows; of those that have not changed as before."""
        length_s = self._args.window_s
        closed_s = self._sources.clock() - length_s - Limits().grace_s
        read = partial(_windows, series, length_s, (closed_s - KEPT * length_s, closed_s))
        before = {(one.start_s, one.rows): one for one in self._windows.get(series, ())}
        made = []
        for window in self._sources.intake.read(read):
            vector = window.vector
            rows, start_s = int(vector[PREDICTED]), window.key.start_s
            if rows >= self._args.minimum_rows:
                known = before.get((start_s, rows))
                made.append(known or estimator.estimate(start_s, vector))
        return made

    def _worse(self, windows: Sequence[WindowEstimate]) -> list[str]:
        judged = windows[-self._args.of_windows :]
        counts = {name: sum(name in one.worse for one in judged) for name in JUDGED}
        return [name for name, count in counts.items() if count >= self._args.alarm_windows]

    def _reports(
        self,
        estimators: Mapping[Series, Estimator],
        windows: Mapping[Series, Sequence[WindowEstimate]],
    ) -> Iterator[Mapping[str, Any]]:
        """The reports of the versions of one endpoint."""
        shown = {series: windows.get(series, ()) for series in estimators}
        true = self._realised(shown)
        for series, estimator in sorted(estimators.items(), key=lambda item: item[0]):
            reference = {n: metric.to_json() for n, metric in estimator.reference.items()}
            yield {
                "endpoint": series.endpoint,
                "version": series.variant,
                "window_s": self._args.window_s,
                "assumes": ASSUMES,
                "not_estimated": estimator.why_not,
                "alarms": self._worse(self._windows.get(series, ())),
                "reference": reference,
                "windows": [
                    {**one.to_json(), **_known(true.get((one.start_s, series.variant)))}
                    for one in shown[series]
                ],
                "series": _courses(shown[series], self._args.window_s),
            }

    def _realised(
        self, shown: Mapping[Series, Sequence[WindowEstimate]]
    ) -> dict[tuple[int, str], Realised]:
        """What came true of windows by their start and version, the newest first."""
        rows_of: dict[int, dict[tuple[str, ...], int]] = {}
        for series, windows in shown.items():
            for one in windows:
                rows_of.setdefault(one.start_s, {})[series.variant,] = one.rows
        if not rows_of:
            return {}
        name = next(iter(shown)).endpoint
        spec = self._sources.endpoints().get(name)
        results: dict[tuple[int, str], Realised] = {}
        budget = _Budget(MAX_LABELLED)
        for start_s, predicted in sorted(rows_of.items(), reverse=True):
            if spec is None or budget.left <= 0:
                break
            now_s, end_s = self._sources.clock(), start_s + self._args.window_s
            span = Span(start_s, end_s, now_s, spec.records.feedback_horizon_days * DAY_S)
            rows = self._sources.feedback.labelled(name, start_s, end_s)
            made = realised(budget.of(rows), spec.signature.output, predicted, span)
            if budget.left > 0:
                results |= {(start_s, "+".join(one.variants)): one for one in made}
        return results


class _Budget:
    """Lets so many rows pass."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def of(self, rows: Iterable[LabelledRow]) -> Iterator[LabelledRow]:
        """The rows, as far as there is room."""
        for row in rows:
            if self.left <= 0:
                return
            self.left -= 1
            yield row


def _windows(
    series: Series, length_s: int, span_s: tuple[float, float], merged: Merged
) -> list[Window]:
    return merged.windows(series, length_s, *span_s)


def _courses(windows: Sequence[WindowEstimate], length_s: int) -> list[dict[str, Any]]:
    """Each metric over time, as the report of the monitor reads it."""
    names = dict.fromkeys(name for one in windows for name in one.metrics)
    return [
        {
            "metric": name,
            "points": [
                {
                    "start_s": float(one.start_s),
                    "end_s": float(one.start_s + length_s),
                    "value": one.metrics[name].value,
                    "low": one.metrics[name].low,
                    "high": one.metrics[name].high,
                    "n": one.metrics[name].n,
                }
                for one in windows
                if name in one.metrics
            ],
        }
        for name in names
    ]


def _known(one: Realised | None) -> dict[str, Any]:
    """What came true of a window, as far as its labels are there."""
    if one is None:
        return {"realised": {}, "labelled": None, "coverage": None, "mature": None}
    return {
        "realised": {name: metric.to_json() for name, metric in one.metrics.items()},
        "labelled": one.labelled,
        "coverage": one.maturity.coverage,
        "mature": one.maturity.mature,
    }
