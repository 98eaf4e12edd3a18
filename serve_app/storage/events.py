"""Keeps what was changed, for ever."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from serve_app.core.events import Event
from serve_app.storage.store import Store

if TYPE_CHECKING:
    from serve_app.storage.event_rows import EventRows


class EventLog(Store):
    """Implements the `EventStore` port."""

    @cached_property
    def _rows(self) -> EventRows:
        from serve_app.storage.event_rows import EventRows  # noqa: PLC0415

        return EventRows(self._place, self._clock)

    def append(self, event: Event) -> Event:
        """Keep an event, and give it with its id.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        return self._rows.append(event)

    def append_once(self, event: Event) -> bool:
        """Keep an event unless there is one of its kind and subject; says whether it was kept.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        return self._rows.append_once(event)

    def newest(
        self, limit: int = 100, *, kind: str | None = None, subject: str | None = None
    ) -> list[Event]:
        """Up to so many events, the newest first; all kinds and subjects where none is given.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        return self._rows.newest(limit, kind, subject)
