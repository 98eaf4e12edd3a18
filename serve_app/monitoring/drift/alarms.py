"""Alarms: what k of the last m windows say, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.verdict import FeatureVerdict

Recent = Mapping[str, Mapping[str, tuple[bool, ...]]]


@dataclass(frozen=True, slots=True)
class Alarms:
    """What the last windows say about each feature, and which alarms stand therefore.

    A window in which something is not judged says nothing about it: a quiet hour neither
    raises an alarm nor ends one. Features that a reference has no more are forgotten.
    """

    recent: Recent = field(default_factory=dict)
    """Whether it drifted, oldest first, by feature and by what of it was judged."""

    def after(self, verdicts: tuple[FeatureVerdict, ...], settings: DriftSettings) -> Alarms:
        """The alarms once another window has been judged."""
        recent = {}
        for verdict in verdicts:
            history = dict(self.recent.get(verdict.name, {}))
            for what, drifted in verdict.findings().items():
                earlier = history.get(what, ())
                history[what] = (*earlier, drifted)[-settings.of_windows :]
            recent[verdict.name] = history
        return Alarms(recent)

    def standing(self, settings: DriftSettings) -> tuple[tuple[str, str], ...]:
        """Every feature and what of it alarms, such as `("age", "missing")`, in order."""
        return tuple(
            (name, what)
            for name, history in self.recent.items()
            for what, windows in history.items()
            if sum(windows[-settings.of_windows :]) >= settings.alarm_windows
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values from which `from_json` makes the same."""
        return {
            name: {what: list(windows) for what, windows in history.items()}
            for name, history in self.recent.items()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Alarms:
        """What `to_json` wrote."""
        return cls(
            {
                name: {what: tuple(map(bool, windows)) for what, windows in history.items()}
                for name, history in values.items()
            }
        )
