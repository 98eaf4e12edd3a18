"""Keeps what was changed, for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from serve_app.core.events import Event
from serve_app.storage.place import place_of

if TYPE_CHECKING:
    from serve_app.storage.event_rows import EventRows


class EventLog:
    """Implements the `EventStore` port on a folder or a URL; any process may read and append.

    `clock` gives seconds since 1970.

    Raises:
        ConfigError: the URL is of no kind that is known.
    """

    def __init__(self, state: str, *, clock: Callable[[], float] = time.time) -> None:
        self._place = place_of(state)
        self._clock = clock

    @cached_property
    def _rows(self) -> EventRows:
        # SQLAlchemy is slow to import, and comes with the first event.
        from serve_app.storage.event_rows import EventRows  # noqa: PLC0415

        return EventRows(self._place, self._clock)

    def append(self, event: Event) -> Event:
        """Keep an event, and give it with its id.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        return self._rows.append(event)

    def newest(
        self, limit: int = 100, *, kind: str | None = None, subject: str | None = None
    ) -> list[Event]:
        """Up to so many events, the newest first; all kinds and subjects where none is given.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        return self._rows.newest(limit, kind, subject)
