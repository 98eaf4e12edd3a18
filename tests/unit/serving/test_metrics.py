"""What is told to Ray's metrics is what has grown since the last time."""

import numpy as np
import pytest

from serve_app.core.batcher import Counters
from serve_app.core.cache import CacheLimits, RowCache
from serve_app.core.columns import Columns
from serve_app.core.plan import Plan
from serve_app.serving import metrics


class Recorded:
    """Stands in for Ray's counter and gauge."""

    told: dict = {}  # noqa: RUF012

    def __init__(self, name, description, tag_keys):
        self.name = name

    def inc(self, value, tags):
        key = (self.name, *tags.values())
        self.told[key] = self.told.get(key, 0) + value

    def set(self, value, tags):
        self.told[self.name, *tags.values()] = value


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(Recorded, "told", {})
    monkeypatch.setattr(metrics.metrics, "Counter", Recorded)
    monkeypatch.setattr(metrics.metrics, "Gauge", Recorded)
    return Recorded.told


def test_totals_are_told_as_what_they_grew_by(told):
    counters = {"a@1": Counters(calls=2, rows=10, requests=5, waited_s=0.5, largest_batch=7)}
    made = metrics.GatewayMetrics(lambda: counters, dict)
    made.tell()
    made.tell()
    counters["a@1"] = Counters(calls=3, rows=12, requests=6, waited_s=0.75, largest_batch=7)
    made.tell()
    assert told["serve_app_batches", "a@1"] == 3
    assert told["serve_app_batch_rows", "a@1"] == 12
    assert told["serve_app_batch_requests", "a@1"] == 6
    assert told["serve_app_batch_wait_seconds", "a@1"] == 0.75
    assert told["serve_app_largest_batch_rows", "a@1"] == 7
    assert ("serve_app_refused", "a@1") not in told


def test_a_count_that_starts_anew_goes_on(told):
    counters = {"a@1": Counters(calls=5)}
    made = metrics.GatewayMetrics(lambda: counters, dict)
    made.tell()
    counters["a@1"] = Counters(calls=2)
    made.tell()
    assert told["serve_app_batches", "a@1"] == 7


def test_hits_of_caches_are_told_by_endpoint(told):
    cache = RowCache(CacheLimits(rows=5, ttl_s=5.0), clock=lambda: 0.0)
    made = metrics.GatewayMetrics(dict, lambda: {"risk": cache})
    cache.find(Plan(("a@1",)), Columns.from_block(("x",), np.zeros((3, 1))))
    made.tell()
    assert told["serve_app_cache_rows", "risk"] == 3
    assert ("serve_app_cache_hits", "risk") not in told
