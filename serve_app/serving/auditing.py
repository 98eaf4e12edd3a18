"""The audit log of a process, as its settings want it."""

import time
from pathlib import Path

from serve_app.config.audit import AuditSettings
from serve_app.core.ports import EventStore
from serve_app.errors import ConfigError, InvalidInput
from serve_app.security.audit import AuditLog, Keeping
from serve_app.security.audited_events import AuditedEvents
from serve_app.security.signing import private_key

DAY_S = 86_400.0


def audit_log(settings: AuditSettings | None, role: str) -> AuditLog | None:
    """The log that a process writes; none where none is wanted.

    Raises:
        ConfigError: it cannot be kept there, or the key cannot be read.
    """
    if settings is None:
        return None
    key = None
    if settings.checkpoint_key is not None:
        try:
            key = private_key(Path(settings.checkpoint_key).read_bytes())
        except OSError as error:
            msg = f"the key {settings.checkpoint_key} cannot be read: {error.strerror or error}"
            raise ConfigError(msg) from error
        except InvalidInput as error:
            raise ConfigError(f"the key {settings.checkpoint_key}: {error.message}") from error
    copy = None if settings.copy_to is None else Path(settings.copy_to)
    retain_s = None if settings.retain_days is None else settings.retain_days * DAY_S
    keeping = Keeping(key, copy, retain_s=retain_s)
    return AuditLog(Path(settings.path), role, time.time, keeping)


def audited_events(events: EventStore, log: AuditLog | None) -> EventStore:
    """A store of events that writes each down in a log, where there is one."""
    return events if log is None else AuditedEvents(events, log)
