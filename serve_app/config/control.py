"""`args` and `user_config` of the control application."""

from typing import Any

from pydantic import Field

from serve_app.config.base import Frozen, LogLevel
from serve_app.config.endpoints import EndpointName, EndpointSettings
from serve_app.config.names import Location


class ControlArgs(Frozen):
    """`args` of the control application."""

    registry: Location = "./registry"
    state: Location = "./state"
    log_level: LogLevel = "INFO"


class ControlSettings(Frozen):
    """`user_config` of the control deployment: the declared endpoints."""

    endpoints: dict[EndpointName, EndpointSettings] = Field(default={})

    def declaration(self) -> dict[str, Any]:
        """The declaration as JSON values, from which its hash is taken."""
        return self.model_dump(mode="json", by_alias=True)
