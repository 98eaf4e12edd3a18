"""What the monitor counted and judged, as samples of the catalogue's metrics."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Metric, Sample
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.verdict import FeatureVerdict
from serve_app.monitoring.drift_watch import Standing
from serve_app.monitoring.realised import Realised
from serve_app.monitoring.segmented import JUDGED, SegmentQuality
from serve_app.monitoring.window import Series
from serve_app.storage.intake import IntakeCounts

MOST_ALARMS = 50
"""Of each version so many alarms have series of their own."""
DELAY_QUANTILES = (0.5, 0.95)
MOST_FEATURES = 20
"""Of each version so many features have series of their own: those that drifted most."""
_ADDED_UP = frozenset({catalogue.DRIFT_ALARMS, catalogue.FEATURE_ALARM, catalogue.FINDINGS})


class Ending:
    """Lets gauges end of which nothing is known any more; by themselves they stay as they were."""

    def __init__(self) -> None:
        self._shown: set[tuple[Metric, tuple[str, ...]]] = set()

    def of(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """The samples, and no number once for each series that was among the former ones alone.

        Of alarms it is 0, so that they can be added up.
        """
        shown = set()
        for sample in samples:
            shown.add((sample.metric, sample.labels))
            yield sample
        for metric, labels in self._shown - shown:
            yield Sample(metric, labels, 0.0 if metric in _ADDED_UP else math.nan)
        self._shown = shown


def of_intake(counts: IntakeCounts) -> Iterator[Sample]:
    """What became of the deliveries of gateways."""
    yield Sample(catalogue.DELIVERIES, ("taken",), counts.deliveries)
    yield Sample(catalogue.DELIVERIES, ("repeated",), counts.repeated)
    yield Sample(catalogue.RECORDED_ROWS, (), counts.rows)


def of_feedback(counts: Mapping[str, Mapping[str, int]]) -> Iterator[Sample]:
    """What became of feedback, by endpoint."""
    for endpoint, by_what in counts.items():
        for what, number in by_what.items():
            yield Sample(catalogue.FEEDBACK_ITEMS, (endpoint, what), number)


def of_quality(results: Mapping[str, Sequence[Realised]]) -> Iterator[Sample]:
    """How good answers were, by endpoint: each metric with both ends of its interval."""
    for endpoint, by_variants in results.items():
        for one in by_variants:
            labels = (endpoint, "+".join(one.variants))
            if one.maturity.coverage is not None:
                yield Sample(catalogue.LABEL_COVERAGE, labels, one.maturity.coverage)
            for name, metric in one.metrics.items():
                bounds = {"value": metric.value, "low": metric.low, "high": metric.high}
                for bound, value in bounds.items():
                    if value is not None:
                        yield Sample(catalogue.REALISED_METRIC, (*labels, name, bound), value)
            yield from _of_segments(labels, one.segments)


def of_label_delays(
    delays: Mapping[str, Mapping[tuple[str, ...], Sequence[float]]],
) -> Iterator[Sample]:
    """How late labels came, by endpoint and variants: of seconds, the quantiles that are shown."""
    for endpoint, by_variants in delays.items():
        for variants, delays_s in by_variants.items():
            labels = (endpoint, "+".join(variants))
            for quantile in DELAY_QUANTILES:
                value = float(np.quantile(delays_s, quantile))
                yield Sample(catalogue.LABEL_DELAY, (*labels, str(quantile)), value)


def _of_segments(labels: tuple[str, str], segments: Sequence[SegmentQuality]) -> Iterator[Sample]:
    """The metrics by which segments are held against all rows."""
    for one in segments:
        place = (*labels, one.segment.column, one.segment.value)
        for name in JUDGED:
            metric = one.metrics.get(name)
            if metric is not None and metric.value is not None:
                yield Sample(catalogue.SEGMENT_METRIC, (*place, name), metric.value)


def of_drift(
    standing: Mapping[Series, Standing], settings_of: Callable[[str], DriftSettings]
) -> Iterator[Sample]:
    """What the last judged windows say, by endpoint and version; each has settings."""
    for series, one in standing.items():
        labels = (series.endpoint, series.variant)
        alarms = one.alarming(settings_of(series.endpoint))
        yield Sample(catalogue.DRIFT_ALARMS, labels, len(alarms))
        for alarming in alarms[:MOST_ALARMS]:
            yield Sample(catalogue.FEATURE_ALARM, (*labels, *alarming), 1)
        yield Sample(catalogue.JUDGED_WINDOW, labels, one.start_s)
        verdict = one.verdict
        if verdict is None:
            continue
        yield Sample(catalogue.WINDOW_ROWS, labels, one.rows)
        yield Sample(catalogue.FEATURES_DRIFTED, labels, verdict.drifted_share())
        for feature in sorted(verdict.features, key=_interest, reverse=True)[:MOST_FEATURES]:
            name = (*labels, feature.name)
            if _is_judged(feature):
                yield Sample(catalogue.FEATURE_DRIFT, name, _excess(feature))
            for what, rate in feature.rates.items():
                yield Sample(catalogue.FEATURE_RATIO, (*name, what), rate.current)
        for prediction in filter(_is_judged, verdict.predictions):
            name = (*labels, prediction.name)
            yield Sample(catalogue.PREDICTION_DRIFT, name, _excess(prediction))


def _is_judged(feature: FeatureVerdict) -> bool:
    return feature.not_judged is None


def _interest(feature: FeatureVerdict) -> tuple[bool, float]:
    """What drifted comes first, then by distance: of one that is always missing there is none."""
    return any(feature.findings().values()), _excess(feature) if _is_judged(feature) else 0.0


def _excess(feature: FeatureVerdict) -> float:
    """The distance by which a feature is judged, in thresholds: from 1 on it counts."""
    return feature.distances[feature.distance] / feature.threshold
