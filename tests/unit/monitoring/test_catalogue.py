"""Names of metrics follow Prometheus' rules, and stand in one place."""

import re
from pathlib import Path

import pytest

from serve_app.monitoring.catalogue import metrics

ROOT = Path(__file__).parents[3]


def test_no_name_stands_twice():
    names = [metric.name for metric in metrics()]
    assert len(names) == len(set(names)) > 20


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: metric.name)
def test_names_are_those_of_prometheus(metric):
    assert re.fullmatch(r"serve_app_[a-z][a-z0-9_]*", metric.name)
    # Ray puts `_total` behind counters by itself.
    assert not metric.name.endswith("_total")
    assert all(re.fullmatch(r"[a-z_]+", label) for label in metric.labels)
    assert metric.meaning.endswith(".")


def test_no_name_of_ours_stands_anywhere_else():
    for path in (ROOT / "serve_app").rglob("*.py"):
        if path.name != "catalogue.py":
            text = path.read_text()
            assert not any(f'"{metric.name}"' in text for metric in metrics()), path


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: metric.name)
def test_names_carry_base_units(metric):
    words = set(metric.name.split("_"))
    assert not words & {"ms", "milliseconds", "us", "kb", "mb", "percent", "minutes", "hours"}


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: metric.name)
def test_a_process_exports_fewer_series_than_collectors_keep(metric):
    # OpenTelemetry's specification puts all beyond 2,000 of an instrument into one series.
    assert 0 < metric.most < 2000
    assert "snapshot" not in metric.labels
    assert not any(label.endswith("_id") for label in metric.labels)


def test_what_prometheus_scrapes_has_the_names_that_ray_makes():
    names = {metric.name: metric.exported for metric in metrics()}
    assert names["serve_app_requests"] == "ray_serve_app_requests_total"
    assert names["serve_app_busy_ratio"] == "ray_serve_app_busy_ratio"
