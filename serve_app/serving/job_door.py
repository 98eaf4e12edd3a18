"""Where a gateway takes batch jobs."""

import time

from serve_app.config.jobs import JobsSettings
from serve_app.engine.batch.desk import desk_of
from serve_app.engine.batch.named_desk import named_desk_of
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.job_door import JobDoor
from serve_app.registry.store import Registry


def door_of(
    settings: JobsSettings | None, registry: Registry, audited: AuditedChanges | None
) -> JobDoor | None:
    """The door of some settings; none without.

    Raises:
        ConfigError: the ledger cannot be used.
    """
    if settings is None:
        return None
    desk = desk_of(settings, registry, clock=time.time)
    return JobDoor(desk, audited, named_desk_of(settings, desk, clock=time.time))
