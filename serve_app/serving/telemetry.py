"""What of a process makes spans and sends metrics, chosen when it is built."""

import os
from collections.abc import Mapping

from serve_app.config import TelemetrySettings
from serve_app.errors import ConfigError
from serve_app.monitoring.telemetry import extra
from serve_app.serving.untraced import Telemetry


def telemetry_of(
    settings: TelemetrySettings | None,
    component: str,
    instance: str,
    environment: Mapping[str, str] = os.environ,
) -> Telemetry:
    """The telemetry of one process; `instance` tells it from others of the same component.

    Raises:
        ConfigError: the extra is not installed, or a variable that the config names is not set.
    """
    if settings is None:
        return Telemetry()
    if not extra.is_installed():
        raise ConfigError(extra.MISSING)
    # Loaded where it is configured alone.
    from serve_app.serving.open_telemetry import OpenTelemetry  # noqa: PLC0415

    return OpenTelemetry(settings, component, instance, environment)
