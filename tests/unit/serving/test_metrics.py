"""What is handed to Ray's metrics is what has grown since the last time."""

import pytest

from serve_app.monitoring.catalogue import BATCHES, BUSY, REFUSED, Sample
from serve_app.serving import metrics


class Counter:
    """Stands in for Ray's counter, which refuses to grow by nothing."""

    def __init__(self, name, description, tag_keys):
        self.name, self.values = name, {}
        MADE[name] = self

    def inc(self, value, tags):
        assert value > 0
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
    assert MADE["serve_app_refused"].values == {}


def test_a_count_that_starts_anew_goes_on(exporter):
    for total in (5, 2):
        exporter.export([Sample(BATCHES, ("a@1",), total)])
    assert MADE["serve_app_batches"].values == {(("version", "a@1"),): 7}


def test_gauges_are_exported_as_they_are(exporter):
    for value in (0.9, 0.1):
        exporter.export([Sample(BUSY, ("a@1",), value)])
    assert MADE["serve_app_busy"].values == {(("version", "a@1"),): 0.1}


def test_each_label_grows_for_itself(exporter):
    exporter.export([Sample(BATCHES, ("a@1",), 1), Sample(BATCHES, ("b@1",), 4)])
    assert sorted(MADE["serve_app_batches"].values.values()) == [1, 4]
