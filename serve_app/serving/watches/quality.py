"""The watch over how good answers were, once it is known what was right."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from serve_app.core.snapshot import Endpoint
from serve_app.monitoring.binning import PREDICTED
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.quality.interval import MetricValue
from serve_app.monitoring.quality.segments import SegmentRule
from serve_app.monitoring.realised import Realised, Span, realised
from serve_app.monitoring.windows import HOUR_S, Merged
from serve_app.serving.monitor_samples import of_label_delays, of_quality
from serve_app.serving.watches.watch import ARRIVALS, Sources

DAY_S = 86_400.0


class RealisedQuality:
    """Measures the answers of the last day whose truth is known."""

    name = "measure answers"
    kind = "quality"
    pause_s = 300.0
    first_s = 0.0

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._last_day: Mapping[str, Sequence[Realised]] = {}
        self._delays_s: Mapping[str, Mapping[tuple[str, ...], Sequence[float]]] = {}

    def restore(self) -> None:
        """All that it knows is measured anew."""

    def run(self) -> None:
        """Compute how good the answers of the last day were, and how late labels come."""
        since_s = self._sources.clock() - DAY_S
        endpoints = self._sources.endpoints()
        self._last_day = {
            name: self._realised(name, spec, since_s) for name, spec in endpoints.items()
        }
        feedback = self._sources.feedback
        self._delays_s = {name: feedback.arrivals(name, ARRIVALS) for name in endpoints}

    def samples(self) -> list[Sample]:
        """Metrics of the last day with their intervals, and delays of the newest labels."""
        return [*of_quality(self._last_day), *of_label_delays(self._delays_s)]

    def findings(self) -> Sequence[Finding]:
        """The segments whose answers were worse than those of all rows."""
        return [
            finding
            for endpoint, results in sorted(self._last_day.items())
            for one in results
            for finding in _worse_segments(self.kind, endpoint, one)
        ]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:
        """How good the answers of the last so many seconds were, of one endpoint or all."""
        since_s = self._sources.clock() - within_s
        return [
            {"endpoint": name, "since_s": since_s, **one.to_json()}
            for name, spec in sorted(self._sources.endpoints().items())
            if endpoint in {None, name}
            for one in self._realised(name, spec, since_s)
        ]

    def _realised(self, name: str, spec: Endpoint, since_s: float) -> list[Realised]:
        now_s = self._sources.clock()
        horizon_s = spec.records.feedback_horizon_days * DAY_S
        rows = self._sources.feedback.labelled(name, since_s, now_s)
        predicted = self._sources.intake.read(partial(_predicted, name, since_s))
        span = Span(since_s, now_s, now_s, horizon_s)
        rule = SegmentRule(spec.records.segments)
        return realised(rows, spec.signature.output, predicted, span, rule)


def _worse_segments(kind: str, endpoint: str, whole: Realised) -> Iterator[Finding]:
    variants = "+".join(whole.variants)
    for one in whole.segments:
        place = f"{one.segment.column}={one.segment.value}"
        for name in one.worse:
            mine, common = one.metrics[name], whole.metrics[name]
            text = f"{name} of {variants} where {place} is {_shown(mine)}, of all {_shown(common)}"
            yield Finding(
                kind,
                endpoint,
                variants,
                f"{place}: {name}",
                text,
                value=mine.value,
                threshold=common.value,
            )


def _shown(metric: MetricValue) -> str:
    return f"{metric.value:.4g} ({metric.low:.4g} to {metric.high:.4g})"


def _predicted(endpoint: str, since_s: float, windows: Merged) -> dict[tuple[str, ...], int]:
    """How many rows each version answered alone since a time, as far as rows are counted."""
    rows: dict[tuple[str, ...], int] = {}
    for series in windows.series():
        if series.endpoint == endpoint:
            counted = windows.windows(series, HOUR_S, since_s - HOUR_S)
            total = sum(int(one.vector[PREDICTED]) for one in counted)
            if total:
                rows[series.variant,] = rows.get((series.variant,), 0) + total
    return rows
