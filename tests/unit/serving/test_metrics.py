"""What is handed to Ray's metrics is what has grown since the last time."""

import pytest

from serve_app.monitoring.catalogue import (
    BATCHES,
    BOUNDS_S,
    BUSY,
    MOST_HISTOGRAMS,
    MOST_SERIES,
    REFUSED,
    REQUEST_SECONDS,
    RESPONSES,
    Sample,
)
from serve_app.monitoring.histogram import Histogram
from serve_app.monitoring.histogram_samples import histogram_samples
from serve_app.serving import metrics


class Counter:
    """Stands in for Ray's counter, which refuses to grow by nothing."""

    def __init__(self, name, description, tag_keys):
        self.name, self.values = name, {}
        MADE[name] = self

    def inc(self, value, tags):
        assert value > 0
        self._record(value, tags)

    def _record(self, value, tags):
        key = tuple(tags.items())
        self.values[key] = self.values.get(key, 0) + value


class Gauge(Counter):
    """Stands in for Ray's gauge."""

    def set(self, value, tags):
        self.values[tuple(tags.items())] = value


MADE: dict = {}


@pytest.fixture
def exporter(monkeypatch):
    MADE.clear()
    monkeypatch.setattr(metrics.metrics, "Counter", Counter)
    monkeypatch.setattr(metrics.metrics, "Gauge", Gauge)
    return metrics.MetricsExporter()


def test_totals_are_exported_as_what_they_grew_by(exporter):
    for total in (2, 2, 5):
        exporter.export([Sample(BATCHES, ("a@1",), total), Sample(REFUSED, ("a@1",), 0)])
    assert MADE["serve_app_batches"].values == {(("version", "a@1"),): 5}
    assert MADE["serve_app_refused"].values == {(("version", "a@1"),): 0}


def test_a_count_that_starts_anew_goes_on(exporter):
    for total in (5, 2):
        exporter.export([Sample(BATCHES, ("a@1",), total)])
    assert MADE["serve_app_batches"].values == {(("version", "a@1"),): 7}


def test_gauges_are_exported_as_they_are(exporter):
    for value in (0.9, 0.1):
        exporter.export([Sample(BUSY, ("a@1",), value)])
    assert MADE["serve_app_busy_ratio"].values == {(("version", "a@1"),): 0.1}


def test_each_label_grows_for_itself(exporter):
    exporter.export([Sample(BATCHES, ("a@1",), 1), Sample(BATCHES, ("b@1",), 4)])
    assert sorted(MADE["serve_app_batches"].values.values()) == [1, 4]


def test_a_series_stands_at_zero_before_it_grows(exporter):
    grown = []
    exporter.export([Sample(BATCHES, ("a@1",), 0)])
    counter = MADE["serve_app_batches"]
    counter.inc = lambda value, tags: grown.append(value)
    exporter.export([Sample(BATCHES, ("a@1",), 3)])
    assert counter.values == {(("version", "a@1"),): 0}
    assert grown == [3]


def test_values_of_labels_that_somebody_makes_up_never_become_series(exporter):
    for number in range(10_000):
        exporter.export([Sample(RESPONSES, ("http", f"status-{number}"), 1)])
    known = MADE["serve_app_responses"].values
    assert len(known) == MOST_SERIES
    exporter.export([Sample(RESPONSES, ("http", "status-3"), 5)])
    assert known[("protocol", "http"), ("status", "status-3")] == 5
    counted = MADE["serve_app_refused_series"].values
    assert counted == {(("metric", "serve_app_responses"),): MOST_SERIES}


def test_a_histogram_is_exported_with_all_of_its_bins_or_not_at_all(exporter):
    histogram = Histogram()
    histogram.add(0.003)
    for number in range(MOST_HISTOGRAMS + 5):
        exporter.export(histogram_samples(REQUEST_SECONDS, (f"endpoint-{number}",), histogram))
    bins = MADE["serve_app_request_seconds_bucket"].values
    assert len(bins) == MOST_HISTOGRAMS * (len(BOUNDS_S) + 1)
    assert len(MADE["serve_app_request_seconds_sum"].values) == MOST_HISTOGRAMS
    refused = MADE["serve_app_refused_series"].values
    assert refused[(("metric", "serve_app_request_seconds_bucket"),)] == 5
