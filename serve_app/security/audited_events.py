"""Changes that this system makes or sees by itself, in the audit log as well as among the events.

Nobody asks for promotions of a canary, for aliases that are followed, or for versions that
somebody registered: what was done is written down once it stands.
"""

from __future__ import annotations

import logging

from serve_app.core.events import Event
from serve_app.core.ports import EventStore
from serve_app.errors import ServeError
from serve_app.security.audit import AuditEvent, AuditLog, digest_of

logger = logging.getLogger("serve_app.audit")


class AuditedEvents:
    """Implements `EventStore`: keeps events in another one, and writes a line for each.

    A line that cannot be written stops nothing: what it tells of is done.
    """

    def __init__(self, events: EventStore, log: AuditLog) -> None:
        self._events = events
        self._log = log

    def append(self, event: Event) -> Event:
        """Keep an event, and give it with its id; raises as the store does."""
        self._write(event)
        return self._events.append(event)

    def append_once(self, event: Event) -> bool:
        """Keep an event unless there is one of its kind and subject; raises as the store does."""
        is_new = self._events.append_once(event)
        if is_new:
            self._write(event)
        return is_new

    def newest(
        self, limit: int = 100, *, kind: str | None = None, subject: str | None = None
    ) -> list[Event]:
        """Up to so many events, the newest first; raises as the store does."""
        return self._events.newest(limit, kind=kind, subject=subject)

    def _write(self, event: Event) -> None:
        before, after = (
            None if one is None else digest_of(one) for one in (event.before, event.after)
        )
        line = AuditEvent(event.kind, event.subject, "done", event.who, before=before, after=after)
        try:
            self._log.write(line)
        except ServeError as error:
            logger.error("a change is not in the audit log: %s", error.message)
