"""Which of several monitors changes counts and segments: the one that began last.

While one takes the place of another, both are there for some time and both take deliveries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from serve_app.storage.store import Store

if TYPE_CHECKING:
    from serve_app.storage.monitor_rows import MonitorRows

SETTLE_S = 30.0
"""What a former monitor was doing with files when the next one began, it has done by then."""


class Turn(Store):
    """The turn of one process, whose name no other ever has."""

    def __init__(
        self,
        state: str,
        name: str,
        *,
        steady: Callable[[], float] = time.monotonic,
        settle_s: float = SETTLE_S,
    ) -> None:
        super().__init__(state)
        self.name = name
        self._steady = steady
        self._settle_s = settle_s
        self._settled_at_s = float("inf")

    @cached_property
    def _rows(self) -> MonitorRows:
        from serve_app.storage.monitor_rows import MonitorRows  # noqa: PLC0415

        return MonitorRows(self._place, self._clock)

    @property
    def is_settled(self) -> bool:
        """Whether a former one is done with the files that it had begun to change."""
        return self._steady() >= self._settled_at_s

    def begin(self) -> None:
        """Take over: from now on no former process can save counts.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        is_first = self._rows.begin_turn(self.name)
        self._settled_at_s = self._steady() + (0.0 if is_first else self._settle_s)

    def is_over(self) -> bool:
        """Whether another process took over.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        return self._rows.turn_of() not in {self.name, None}
