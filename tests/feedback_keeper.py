"""Where gateways of tests hand feedback to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Keeper:
    """Keeps feedback in a list, or fails with `error` where there is one."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.calls = 0
        self.error: Exception | None = None

    async def __call__(self, items: Sequence[Any]) -> list[str]:
        if self.error is not None:
            raise self.error
        self.calls += 1
        self.kept += items
        return ["stored"] * len(items)
