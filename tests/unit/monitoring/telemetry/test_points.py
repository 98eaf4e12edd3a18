"""What a collector is sent: totals or what has grown, and histograms in the bins of ours."""

import math

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import (
    BATCHES,
    BUSY,
    MOST_SERIES,
    REQUEST_SECONDS,
    RESPONSES,
    Sample,
)
from serve_app.monitoring.histogram import BOUNDS_S, Histogram
from serve_app.monitoring.histogram_samples import histogram_samples
from serve_app.monitoring.telemetry.points import Points
from tests.otlp import attributes

CUMULATIVE, DELTA = 2, 1
"""The numbers of `AggregationTemporality` in the protocol."""


class Clock:
    def __init__(self):
        self.now_ns = 1_000

    def __call__(self):
        return self.now_ns


class Sent:
    """Points, and what a collector reads of what they send."""

    def __init__(self, *, delta):
        self.clock = Clock()
        self.points = Points(Resource({"service.name": "s"}), delta=delta, now_ns=self.clock)

    def read(self, *samples, now_ns, arrives=True):
        """The metrics of one export by name."""
        self.clock.now_ns = now_ns
        self.points.export(samples)
        export = self.points.made(self.points.read())
        if arrives:
            self.points.arrived(export)
        request = encode_metrics(export.data)
        (resource,) = request.resource_metrics
        assert attributes(resource.resource) == {"service.name": "s"}
        (scope,) = resource.scope_metrics
        metrics = {metric.name: metric for metric in scope.metrics}
        fields = (getattr(one, one.WhichOneof("data")) for one in metrics.values())
        assert export.points == sum(len(field.data_points) for field in fields)
        return metrics


def batches(total, version="a@1"):
    return Sample(BATCHES, (version,), total)


def histogram(*seconds):
    made = Histogram()
    for one in seconds:
        made.add(one)
    return list(histogram_samples(REQUEST_SECONDS, ("risk",), made))


def test_totals_are_sent_since_the_process_began():
    sent = Sent(delta=False)
    for total, now_ns in ((3, 2_000), (5, 3_000)):
        metric = sent.read(batches(total), now_ns=now_ns)["serve_app_batches"]
        assert metric.description == "Calls to a version."
        assert metric.sum.is_monotonic
        assert metric.sum.aggregation_temporality == CUMULATIVE
        (point,) = metric.sum.data_points
        assert attributes(point) == {"version": "a@1"}
        assert (point.as_double or point.as_int) == total
        assert (point.start_time_unix_nano, point.time_unix_nano) == (1_000, now_ns)


def test_a_total_that_begins_anew_says_so():
    sent = Sent(delta=False)
    sent.read(batches(7), now_ns=2_000)
    (point,) = sent.read(batches(1), now_ns=3_000)["serve_app_batches"].sum.data_points
    assert point.start_time_unix_nano == 2_000
    (point,) = sent.read(batches(4), now_ns=4_000)["serve_app_batches"].sum.data_points
    assert point.start_time_unix_nano == 2_000


def test_what_has_grown_is_sent_once():
    sent = Sent(delta=True)
    spans = []
    for total, now_ns in ((3, 2_000), (3, 3_000), (5, 4_000), (1, 5_000)):
        metric = sent.read(batches(total), now_ns=now_ns).get("serve_app_batches")
        if metric is None:
            spans.append(None)
            continue
        assert metric.sum.aggregation_temporality == DELTA
        (point,) = metric.sum.data_points
        value = point.as_double or point.as_int
        spans.append((value, point.start_time_unix_nano, point.time_unix_nano))
    # 3, nothing, 2 more, and 1 after the count began anew.
    assert spans == [(3, 1_000, 2_000), None, (2, 3_000, 4_000), (1, 4_000, 5_000)]


def test_growth_that_did_not_arrive_is_in_the_next_export():
    sent = Sent(delta=True)
    sent.read(batches(3), now_ns=2_000, arrives=False)
    (point,) = sent.read(batches(5), now_ns=3_000)["serve_app_batches"].sum.data_points
    assert (point.as_double or point.as_int) == 5
    assert point.start_time_unix_nano == 1_000


def test_durations_are_one_histogram_with_the_bins_that_were_counted():
    sent = Sent(delta=False)
    seconds = (0.0001, 0.003, 0.004, 99.0)
    metrics = sent.read(*histogram(*seconds), now_ns=2_000)
    assert list(metrics) == ["serve_app_request_seconds"]
    metric = metrics["serve_app_request_seconds"]
    assert metric.unit == "s"
    assert metric.description == "Requests to an endpoint."
    (point,) = metric.histogram.data_points
    assert attributes(point) == {"endpoint": "risk"}
    assert tuple(point.explicit_bounds) == BOUNDS_S
    # By hand: below 0.25 ms one, from 2.5 to 5 ms two, above 10 s one.
    assert list(point.bucket_counts) == [1, 0, 0, 0, 2, *[0] * 9, 1]
    assert point.count == 4
    assert point.sum == pytest.approx(sum(seconds))
    assert not point.HasField("min")
    assert not point.HasField("max")


def test_of_a_histogram_what_has_grown_is_sent():
    sent = Sent(delta=True)
    sent.read(*histogram(0.003), now_ns=2_000)
    assert not sent.read(*histogram(0.003), now_ns=3_000)
    metrics = sent.read(*histogram(0.003, 0.3), now_ns=4_000)
    (point,) = metrics["serve_app_request_seconds"].histogram.data_points
    assert point.count == 1
    assert point.sum == pytest.approx(0.3)
    assert [at for at, number in enumerate(point.bucket_counts) if number] == [10]


def test_gauges_are_as_they_are_and_end_when_nobody_sets_them():
    sent = Sent(delta=True)
    busy = Sample(BUSY, ("a@1",), 0.25)
    metric = sent.read(busy, now_ns=2_000)["serve_app_busy_ratio"]
    assert metric.unit == "1"
    assert [point.as_double for point in metric.gauge.data_points] == [0.25]
    assert not sent.read(now_ns=3_000)
    assert not sent.read(Sample(BUSY, ("a@1",), math.nan), now_ns=4_000)


def test_values_of_labels_that_somebody_makes_up_stay_out():
    sent = Sent(delta=False)
    many = [Sample(RESPONSES, ("http", str(n)), 1) for n in range(MOST_SERIES + 7)]
    metrics = sent.read(*many, now_ns=2_000)
    assert len(metrics["serve_app_responses"].sum.data_points) == MOST_SERIES
    (refused,) = metrics["serve_app_refused_series"].sum.data_points
    assert (refused.as_double or refused.as_int) == 7


def test_every_metric_of_the_catalogue_is_sent():
    parts = {
        part.name
        for one in catalogue.histograms()
        for part in (one.bucket, one.seconds, one.number)
    }
    plain = [metric for metric in catalogue.metrics() if metric.name not in parts]
    samples = [Sample(metric, tuple("x" for _ in metric.labels), 1.0) for metric in plain]
    for durations in catalogue.histograms():
        labels = tuple("x" for _ in durations.number.labels)
        made = Histogram()
        made.add(0.1)
        samples.extend(histogram_samples(durations, labels, made))
    metrics = Sent(delta=True).read(*samples, now_ns=2_000)
    names = {metric.name for metric in plain} | {one.name for one in catalogue.histograms()}
    assert set(metrics) == names
    assert len(names) > 30
