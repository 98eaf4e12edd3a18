"""Where telemetry goes, from the config and OpenTelemetry's own variables.

What the config says comes first. What it leaves open is read from the variables that every SDK of
OpenTelemetry knows: endpoints, headers, certificates, time limits, names and attributes.
"""

from __future__ import annotations

from collections.abc import Mapping

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource

from serve_app import __version__
from serve_app.config import TelemetrySettings
from serve_app.errors import ConfigError

SERVICE_NAME = "serve-app"
TRACES_PATH, METRICS_PATH = "/v1/traces", "/v1/metrics"
METRICS_INTERVAL_S = 60.0
_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
_TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_UNNAMED = "unknown_service"


def span_exporter(settings: TelemetrySettings, environment: Mapping[str, str]) -> OTLPSpanExporter:
    """What sends spans.

    Raises:
        ConfigError: a variable that the config names is not set.
    """
    return OTLPSpanExporter(
        endpoint=_below(settings, TRACES_PATH),
        headers=headers_of(settings, environment),
        compression=_compression(settings, environment, "TRACES"),
        session=_session(),
    )


def metric_exporter(
    settings: TelemetrySettings, environment: Mapping[str, str]
) -> OTLPMetricExporter:
    """What sends metrics. Raises as `span_exporter`."""
    return OTLPMetricExporter(
        endpoint=_below(settings, METRICS_PATH),
        headers=headers_of(settings, environment),
        compression=_compression(settings, environment, "METRICS"),
        session=_session(),
    )


def headers_of(
    settings: TelemetrySettings, environment: Mapping[str, str]
) -> dict[str, str] | None:
    """The headers whose values the environment holds; None where the config names none.

    Raises:
        ConfigError: a variable is not set.
    """
    headers: dict[str, str] = {}
    for header, variable in settings.headers_env.items():
        value = environment.get(variable, "").strip()
        if not value:
            msg = (
                f"the environment variable {variable}, in which `telemetry.headers_env` says that "
                f"the header {header!r} is, is not set here; set it before the cluster starts"
            )
            raise ConfigError(msg)
        headers[header] = value
    return headers or None


def resource_of(settings: TelemetrySettings, component: str, instance: str) -> Resource:
    """What a process is called in every trace and metric: its service, component and replica."""
    attributes = {
        "service.version": __version__,
        "service.instance.id": instance,
        "serve_app.component": component,
    }
    if settings.service_name is not None:
        attributes["service.name"] = settings.service_name
    resource = Resource.create(attributes)
    if str(resource.attributes.get("service.name", _UNNAMED)).startswith(_UNNAMED):
        resource = resource.merge(Resource({"service.name": SERVICE_NAME}))
    return resource


def is_delta(settings: TelemetrySettings, environment: Mapping[str, str]) -> bool:
    """Whether what is sent is what has grown, and not totals."""
    if settings.temporality is not None:
        return settings.temporality == "delta"
    return environment.get(_TEMPORALITY, "").strip().lower() in {"delta", "lowmemory"}


def interval_s(settings: TelemetrySettings, environment: Mapping[str, str]) -> float:
    """How often metrics are sent, in seconds; OpenTelemetry's variable is in milliseconds."""
    if settings.metrics_interval_s is not None:
        return settings.metrics_interval_s
    try:
        given_s = float(environment.get(_INTERVAL, "")) / 1000
    except ValueError:
        return METRICS_INTERVAL_S
    return given_s if given_s > 0 else METRICS_INTERVAL_S


def sends(signal: str, environment: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables leave a signal on: `TRACES` or `METRICS`."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get(f"OTEL_{signal}_EXPORTER", "").strip().lower()
    return not disabled and exporter != "none"


def _below(settings: TelemetrySettings, path: str) -> str | None:
    return None if settings.endpoint is None else f"{settings.endpoint}{path}"


def _compression(
    settings: TelemetrySettings, environment: Mapping[str, str], signal: str
) -> Compression | None:
    if settings.compression is not None:
        return Compression.Gzip if settings.compression == "gzip" else Compression.NoCompression
    names = ("OTEL_EXPORTER_OTLP_COMPRESSION", f"OTEL_EXPORTER_OTLP_{signal}_COMPRESSION")
    return None if any(environment.get(name) for name in names) else Compression.Gzip


def _session() -> requests.Session:
    """Connections that follow no redirect: the headers hold secrets."""
    session = requests.Session()
    session.max_redirects = 0
    return session
