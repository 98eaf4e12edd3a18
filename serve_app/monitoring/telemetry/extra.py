"""Whether what sends telemetry is installed. Imports nothing of it."""

from __future__ import annotations

from importlib.util import find_spec

_PACKAGE = "opentelemetry.exporter.otlp.proto.http"
MISSING = "telemetry needs an extra that is not installed: pip install 'serve-app[otel]'"


def is_installed() -> bool:
    """Whether the exporters can be imported."""
    try:
        return find_spec(_PACKAGE) is not None
    except ModuleNotFoundError:
        return False
