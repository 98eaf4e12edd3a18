"""Where telemetry goes: the config first, then the variables that every SDK knows."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from serve_app.config import TelemetrySettings
from serve_app.errors import ConfigError
from serve_app.monitoring.telemetry import destination, extra
from serve_app.monitoring.telemetry.outbox import SpanOutbox
from serve_app.monitoring.telemetry.sending import SpanSending
from tests.otlp import receiver
from tests.unit.monitoring.telemetry.test_sending import traced


def test_without_config_the_variables_say_where_and_with_which_headers(monkeypatch):
    with receiver("from-the-variable") as got, ThreadPoolExecutor(1) as pool:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", got.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=from-the-variable")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "from-the-variable")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        chosen, outbox = TelemetrySettings(), SpanOutbox()
        traced(outbox, chosen)
        environment = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        sending = SpanSending(outbox, destination.span_exporter(chosen, environment), pool)
        asyncio.run(sending.send())
        sending.close()
    (resource,) = got.resources("/v1/traces")
    assert resource["service.name"] == "from-the-variable"
    assert resource["deployment.environment.name"] == "test"
    assert "content-encoding" not in got.headers[0]


def test_a_service_has_a_name_of_its_own(monkeypatch):
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    made = destination.resource_of(TelemetrySettings(), "model", "r")
    assert made.attributes["service.name"] == "serve-app"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
    named = TelemetrySettings(service_name="mine")
    assert destination.resource_of(named, "model", "r").attributes["service.name"] == "mine"


def test_a_variable_that_is_not_set_is_named_and_no_secret_told():
    chosen = TelemetrySettings(headers_env={"api-key": "KEY", "x-other": "OTHER"})
    assert destination.headers_of(TelemetrySettings(), {}) is None
    with pytest.raises(
        ConfigError, match=r"variable OTHER.*'x-other'.*before the cluster"
    ) as error:
        destination.headers_of(chosen, {"KEY": "secret"})
    assert "secret" not in error.value.message
    both = destination.headers_of(chosen, {"KEY": "secret", "OTHER": " padded "})
    assert both == {"api-key": "secret", "x-other": "padded"}


@pytest.mark.parametrize(
    ("temporality", "variable", "expected"),
    [
        (None, "", False),
        (None, "cumulative", False),
        (None, "DELTA", True),
        (None, "lowmemory", True),
        ("cumulative", "delta", False),
        ("delta", "cumulative", True),
    ],
)
def test_temporality(temporality, variable, expected):
    environment = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": variable}
    chosen = TelemetrySettings(temporality=temporality)
    assert destination.is_delta(chosen, environment) is expected


@pytest.mark.parametrize(
    ("config", "variable", "expected"),
    [(None, "", 60), (None, "2500", 2.5), (None, "soon", 60), (None, "0", 60), (5, "2500", 5)],
)
def test_how_often_metrics_are_sent(config, variable, expected):
    chosen = TelemetrySettings(metrics_interval_s=config)
    assert destination.interval_s(chosen, {"OTEL_METRIC_EXPORT_INTERVAL": variable}) == expected


@pytest.mark.parametrize(
    ("environment", "traces", "metrics"),
    [
        ({}, True, True),
        ({"OTEL_SDK_DISABLED": "true"}, False, False),
        ({"OTEL_TRACES_EXPORTER": "none"}, False, True),
        ({"OTEL_METRICS_EXPORTER": "none"}, True, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, True),
    ],
)
def test_variables_may_switch_off(environment, traces, metrics):
    assert destination.sends("TRACES", environment) is traces
    assert destination.sends("METRICS", environment) is metrics


def test_the_extra_is_installed_here_and_missed_where_it_is_not(monkeypatch):
    assert extra.is_installed()
    monkeypatch.setattr(extra, "_PACKAGE", "opentelemetry.exporter.nothing.at.all")
    assert not extra.is_installed()
    monkeypatch.setattr(extra, "_PACKAGE", "nothing")
    assert not extra.is_installed()
