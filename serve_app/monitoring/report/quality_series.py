"""From labelled rows to metrics over time, by who answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serve_app.core.labelled import LabelledRow
from serve_app.core.signature import Output
from serve_app.monitoring.quality.interval import MetricValue
from serve_app.monitoring.quality.segments import SegmentRule
from serve_app.monitoring.realised import Realised, Span, realised
from serve_app.monitoring.report.document import (
    LabelPoint,
    MetricPoint,
    MetricSeries,
    Quality,
    SegmentMetric,
)
from serve_app.monitoring.windows import DAY_S, FIVE_MINUTES_S, HOUR_S

SHOWN = ("accuracy", "auc", "f1", "log_loss", "rmse", "mae", "r2", "reward")
"""The metrics that are shown, as far as they are there, the most important first."""
MOST_BUCKETS = 30
MOST_SEGMENTS = 50
_IN_PROFILE = {"auc": "roc_auc"}
"""What a profile calls a metric otherwise."""
_LENGTHS_S = (
    FIVE_MINUTES_S, 3 * FIVE_MINUTES_S, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S,
    7 * DAY_S, 28 * DAY_S,
)  # fmt: skip
Variants = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Labelled rows whose predictions were made in some time, and all rows by who answered.

    Where `rows` are not all that have a label, `labelled` says how many there are.
    """

    start_s: float
    end_s: float
    rows: Sequence[LabelledRow]
    predicted: Mapping[Variants, int]
    labelled: Mapping[Variants, int] | None = None


def bucket_length(span_s: float) -> int:
    """How long the stretches are into which a time is divided, at most 30 of them."""
    return next((one for one in _LENGTHS_S if span_s <= one * MOST_BUCKETS), _LENGTHS_S[-1])


def quality_by_variants(
    buckets: Sequence[Bucket],
    output: Output,
    *,
    now_s: float,
    horizon_s: float,
    registered: Mapping[str, Mapping[str, float]],
    rule: SegmentRule | None = None,
) -> dict[Variants, Quality]:
    """How good the answers of each were; `registered` are metrics of versions at registration.

    `rule` says which segments are told apart.
    """
    if not buckets:
        return {}
    parts = [
        (one, _by_variants(one, output, Span(one.start_s, one.end_s, now_s, horizon_s)))
        for one in buckets
    ]
    span = Span(buckets[0].start_s, now_s, now_s, horizon_s)
    rows = [row for one in buckets for row in one.rows]
    predicted: dict[Variants, int] = {}
    for one in buckets:
        for variants, count in one.predicted.items():
            predicted[variants] = predicted.get(variants, 0) + count
    return {
        whole.variants: Quality(
            labelled=sum(one.labelled for one in _labels_of(whole, parts)),
            metrics=_metrics(whole, parts, registered.get("+".join(whole.variants), {})),
            labels=_labels_of(whole, parts),
            segments=_segments(whole, span),
            reason="" if whole.maturity.mature else whole.maturity.reason,
        )
        for whole in realised(rows, output, predicted, span, rule)
    }


def _by_variants(bucket: Bucket, output: Output, span: Span) -> dict[Variants, Realised]:
    return {one.variants: one for one in realised(bucket.rows, output, bucket.predicted, span)}


def _metrics(
    whole: Realised,
    parts: Sequence[tuple[Bucket, Mapping[Variants, Realised]]],
    registered: Mapping[str, float],
) -> tuple[MetricSeries, ...]:
    return tuple(
        MetricSeries(
            name,
            tuple(_point(bucket, by.get(whole.variants), name) for bucket, by in parts),
            registered=registered.get(name, registered.get(_IN_PROFILE.get(name, name))),
        )
        for name in SHOWN
        if name in whole.metrics
    )


def _point(bucket: Bucket, result: Realised | None, name: str) -> MetricPoint:
    """The metric of a bucket; without a value where nothing is known, so that there is a gap."""
    metric = None if result is None else result.metrics.get(name)
    if metric is None:
        return MetricPoint(bucket.start_s, bucket.end_s, None)
    return point_of(bucket.start_s, bucket.end_s, metric)


def point_of(start_s: float, end_s: float, metric: MetricValue) -> MetricPoint:
    """A metric as a point in time."""
    return MetricPoint(start_s, end_s, metric.value, metric.low, metric.high, metric.n)


def _labels_of(
    whole: Realised, parts: Sequence[tuple[Bucket, Mapping[Variants, Realised]]]
) -> tuple[LabelPoint, ...]:
    return tuple(_labels(bucket, by.get(whole.variants), whole) for bucket, by in parts)


def _labels(bucket: Bucket, result: Realised | None, whole: Realised) -> LabelPoint:
    labelled = 0 if result is None else result.labelled
    if bucket.labelled is not None:
        labelled = bucket.labelled.get(whole.variants, labelled)
    predicted = bucket.predicted.get(whole.variants, 0)
    return LabelPoint(bucket.start_s, bucket.end_s, max(predicted, labelled), labelled)


def _segments(whole: Realised, span: Span) -> tuple[SegmentMetric, ...]:
    """The main metric of each segment, those that are worse first."""
    made = []
    for one in whole.segments:
        name = next((name for name in SHOWN if name in one.metrics), None)
        if name is None:
            continue
        of_all = whole.metrics.get(name)
        made.append(
            SegmentMetric(
                one.segment.column,
                one.segment.value,
                name,
                one.labelled,
                point_of(span.since_s, span.until_s, one.metrics[name]),
                None if of_all is None else of_all.value,
                name in one.worse,
            )
        )
    return tuple(sorted(made, key=lambda one: not one.worse)[:MOST_SEGMENTS])
