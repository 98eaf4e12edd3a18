"""`args` and `user_config` of the control application."""

from typing import Any

from pydantic import ConfigDict, Field

from serve_app.config.assignment import LayerName, LayerSettings
from serve_app.config.audit import AuditSettings
from serve_app.config.base import Frozen, LogLevel
from serve_app.config.endpoints import EndpointName, EndpointSettings
from serve_app.config.lengths import LengthSeconds
from serve_app.config.registry import RegistryArg
from serve_app.config.secrets import SecretState
from serve_app.config.telemetry import TelemetrySettings


class ControlArgs(Frozen):
    """`args` of the control application.

    `audit` is where it writes down what changes, whoever asked for it; without it nowhere. The
    version that an alias named before stays loaded for `keep_former`, so that going back is quick.
    """

    # `state` may be a URL with a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    registry: RegistryArg = Field(default="./registry", repr=False)
    state: SecretState = Field(default="./state", repr=False)
    telemetry: TelemetrySettings | None = None
    audit: AuditSettings | None = None
    keep_former: LengthSeconds = Field(default=3600.0, validate_default=False)
    log_level: LogLevel = "INFO"


class ControlSettings(Frozen):
    """`user_config` of the control deployment: the declared endpoints, and layers of theirs."""

    endpoints: dict[EndpointName, EndpointSettings] = Field(default={})
    layers: dict[LayerName, LayerSettings] = Field(default={})

    def declaration(self) -> dict[str, Any]:
        """The declaration as JSON values, from which its hash is taken."""
        return self.model_dump(mode="json", by_alias=True)
