"""One stream of errors and the detectors that watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from serve_app.errors import InvalidInput
from serve_app.monitoring.concept.detector import Detector, Level

_RECENT_ROWS = 100


@dataclass(frozen=True, slots=True)
class Change:
    """What a detector says after a row: its level, and how the errors moved.

    `error_before` is the mean since the detector began, `error_now` that of about the last 100
    rows, `rows` how many it has seen.
    """

    detector: str
    level: Level
    rows: int
    error_before: float
    error_now: float

    @property
    def direction(self) -> Literal["rising", "falling"]:
        """Whether the error became larger or smaller."""
        return "rising" if self.error_now >= self.error_before else "falling"


class _Watched:
    """A detector, and the mean of what it has seen since it began."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.level: Level = "stable"
        self.rows = 0
        self.total = 0.0

    def update(self, value: float, recent: float) -> Change | None:
        """Take a value; a change of the level to `warning`, or a drift."""
        level = self.detector.update(value)
        before, self.level = self.level, level
        self.rows += 1
        self.total += value
        if level == "stable" or (level == "warning" and before == "warning"):
            return None
        change = Change(self.detector.name, level, self.rows, self.total / self.rows, recent)
        if level == "drift":
            self.rows, self.total = 0, 0.0
        return change


class ErrorStream:
    """Errors in their order, and what detectors say of them."""

    def __init__(self, detectors: list[Detector]) -> None:
        self._watched = {detector.name: _Watched(detector) for detector in detectors}
        self._recent: float | None = None

    def update(self, value: float) -> list[Change]:
        """Take the next error; what changed."""
        recent = value if self._recent is None else self._recent
        self._recent = recent + (value - recent) / _RECENT_ROWS
        changes = (watched.update(value, self._recent) for watched in self._watched.values())
        return [change for change in changes if change is not None]

    def state(self) -> dict[str, Any]:
        """All that it knows, as JSON."""
        return {
            "recent": self._recent,
            "detectors": {
                name: {
                    "level": watched.level,
                    "rows": watched.rows,
                    "total": watched.total,
                    "state": watched.detector.state().decode(),
                }
                for name, watched in self._watched.items()
            },
        }

    def restore(self, content: Mapping[str, Any]) -> list[str]:
        """Go on from a state; why some detectors begin anew instead."""
        refused = []
        for name, watched in self._watched.items():
            known = content["detectors"].get(name)
            if known is None:
                continue
            try:
                watched.detector.restore(known["state"].encode())
            except InvalidInput as error:
                refused.append(f"{name} begins anew: {error.message}")
                continue
            watched.level = known["level"]
            watched.rows, watched.total = known["rows"], known["total"]
        self._recent = content["recent"]
        return refused
