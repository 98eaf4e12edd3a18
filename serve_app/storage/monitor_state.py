"""Keeps what the monitor has to know again, as JSON values by name."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from serve_app.storage.store import Store

if TYPE_CHECKING:
    from serve_app.storage.monitor_rows import MonitorRows


class MonitorState(Store):
    """One value for each name; one process writes, any may read."""

    @cached_property
    def _rows(self) -> MonitorRows:
        from serve_app.storage.monitor_rows import MonitorRows  # noqa: PLC0415

        return MonitorRows(self._place, self._clock)

    def save(self, name: str, value: Any) -> None:
        """Keep a value in place of the former one.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        self._rows.save(name, json.dumps(value))

    def first(self, name: str, value: Any) -> Any:
        """What stands under a name for good: the first value that anybody gave it.

        Raises:
            RegistryFailed: the database cannot be read, or not written where it has to be.
        """
        known = self.load(name)
        if known is None:
            known = json.loads(self._rows.keep_first(name, json.dumps(value)))
        return known

    def load(self, name: str) -> Any:
        """The value, None where none was kept.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._rows.load(name)
        return None if body is None else json.loads(body)
