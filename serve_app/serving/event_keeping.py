"""Keeps events of what was done, also where whoever did it is stopped meanwhile."""

import asyncio
import logging
from collections.abc import Callable

from serve_app.core.events import Event
from serve_app.errors import ServeError

logger = logging.getLogger("serve_app.control")


class EventKeeping:
    """Appends events to a log in threads; `append` is the log's."""

    def __init__(self, append: Callable[[Event], object]) -> None:
        self._append = append
        self._running: set[asyncio.Task[None]] = set()

    async def keep(self, *events: Event | None) -> None:
        """Keep events; where that fails, the program's log has them, and what was done stands.

        They are kept though the caller is cancelled: what they tell of has happened.
        """
        task = asyncio.get_running_loop().create_task(self._keep([*filter(None, events)]))
        # The loop itself holds tasks only weakly.
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Return once all events are kept."""
        await asyncio.gather(*self._running)

    async def _keep(self, events: list[Event]) -> None:
        for event in events:
            try:
                await asyncio.to_thread(self._append, event)
            except ServeError as error:
                logger.error("an event cannot be kept", exc_info=error, extra={"event": str(event)})
