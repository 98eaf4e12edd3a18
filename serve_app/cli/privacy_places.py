"""Where a config keeps what is known of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from serve_app.config import GatewayArgs, MonitorArgs
from serve_app.config.audit import AuditSettings
from serve_app.config.base import Frozen
from serve_app.config.builders import builder_of
from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import ConfigError

MONITOR, GATEWAY = "monitor", "gateway"
"""The builders of the applications that keep records and write the audit."""
A = TypeVar("A", bound=Frozen)


@dataclass(frozen=True, slots=True)
class Places:
    """The args of a config's monitor, and the settings of its gateway's audit log."""

    monitor: MonitorArgs
    audit_settings: AuditSettings | None

    @property
    def audit(self) -> Path | None:
        """The folder of the audit log."""
        return None if self.audit_settings is None else Path(self.audit_settings.path)


def places_in(file: Path) -> Places:
    """Where what a config declares is kept.

    Raises:
        ConfigError: it cannot be read, or has no monitor.
    """
    try:
        body = read_yaml(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no YAML: {error}") from error
    monitor = _arguments(file, body, MONITOR, MonitorArgs)
    if monitor is None:
        msg = f"{file} has no application serve_app.app:{MONITOR}, which keeps records and feedback"
        raise ConfigError(msg)
    gateway = _arguments(file, body, GATEWAY, GatewayArgs)
    return Places(monitor, None if gateway is None else gateway.audit)


def _arguments(file: Path, body: Any, builder: str, kind: type[A]) -> A | None:
    applications = body.get("applications") if isinstance(body, Mapping) else None
    for one in applications if isinstance(applications, list) else ():
        if isinstance(one, Mapping) and builder_of(one) == builder:
            try:
                return kind.model_validate(one.get("args") or {})
            except pydantic.ValidationError as error:
                problem = error.errors(include_input=False)[0]
                where = ".".join(map(str, problem["loc"]))
                msg = f"{file}: args of {one.get('name')}: {where}: {problem['msg']}"
                raise ConfigError(msg) from None
    return None
