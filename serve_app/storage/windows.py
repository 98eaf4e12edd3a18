"""Keeps what the monitor counted, so that another process can go on counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from serve_app.monitoring.window import Key, Window
from serve_app.storage.store import Store

if TYPE_CHECKING:
    from serve_app.storage.window_rows import WindowRows


class WindowStore(Store):
    """The windows of all endpoints; one process writes, any may read."""

    @cached_property
    def _rows(self) -> WindowRows:
        from serve_app.storage.window_rows import WindowRows  # noqa: PLC0415

        return WindowRows(self._place, self._clock)

    def save(
        self,
        changed: Sequence[Window],
        gone: Sequence[Key],
        state: Mapping[str, Any],
        turn: str | None = None,
    ) -> bool:
        """Keep windows that changed, let those go that are gone, and keep the state: all or none.

        False, and nothing is kept, where it is the turn of another process than `turn`.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        return self._rows.save(changed, gone, state, turn)

    def load(self) -> tuple[list[Window], Mapping[str, Any] | None]:
        """All windows and the state that was saved with them, none before the first.

        Raises:
            RegistryFailed: the database cannot be read, or holds something else.
        """
        return self._rows.load()

    def endpoint(
        self, endpoint: str, length_s: int, since_s: float, until_s: float
    ) -> list[Window]:
        """The windows of one length of an endpoint that begin in some time, in their order.

        Raises:
            RegistryFailed: the database cannot be read, or holds something else.
        """
        return self._rows.endpoint(endpoint, length_s, since_s, until_s)
