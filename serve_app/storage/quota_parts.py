"""Keeps in the state store how many rows of principals were leased on a day."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.storage.monitor_state import MonitorState


class QuotaParts:
    """Implements `QuotaStore` of `control.quotas`; control writes."""

    def __init__(self, state: str) -> None:
        self._state = MonitorState(state)

    def load(self, part: int) -> tuple[int, Mapping[str, int]]:
        """The day of a part, counted from 1970, and its rows by principal and endpoint.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._state.load(f"quotas-{part}")
        return (0, {}) if body is None else (body["day"], body["rows"])

    def save(self, part: int, day: int, rows: Mapping[str, int]) -> None:
        """Keep a part in place of the former one.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        self._state.save(f"quotas-{part}", {"day": day, "rows": dict(rows)})
