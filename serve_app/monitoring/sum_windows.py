"""Sums over rows in windows of time that follow each other, and what the last windows said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

Sums = tuple[float, ...]


class Part(NamedTuple):
    """The rows of an endpoint that are held against one version's reference."""

    endpoint: str
    version: str


class Closed(NamedTuple):
    """A window that gets no more rows; `start_s` is in seconds since 1970."""

    part: Part
    start_s: int
    sums: Sums


class SumWindows:
    """Adds up numbers by part and window, and keeps of each part what its last windows said.

    Windows are `length_s` seconds long. An alarm stands while `alarm_windows` of the last
    `of_windows` judged windows were unusual; one that is not judged says nothing.
    """

    def __init__(self, length_s: int, *, alarm_windows: int, of_windows: int) -> None:
        self.length_s = length_s
        self._alarm_windows, self._of_windows = alarm_windows, of_windows
        self._open: dict[tuple[Part, int], Sums] = {}
        self._recent: dict[Part, tuple[bool, ...]] = {}

    def add(self, part: Part, at_s: float, sums: Sums) -> None:
        """Add numbers to the window of a part that holds a time."""
        key = part, int(at_s // self.length_s) * self.length_s
        former = self._open.get(key)
        self._open[key] = (
            sums if former is None else tuple(a + b for a, b in zip(former, sums, strict=True))
        )

    def close(self, read_s: Mapping[str, float]) -> list[Closed]:
        """The windows whose rows are all read, oldest first; they are open no more.

        `read_s` says for each endpoint up to which time its rows are read; windows of endpoints
        that are not in it go.
        """
        closed = []
        for (part, start_s), sums in sorted(self._open.items(), key=lambda item: item[0][::-1]):
            if start_s + self.length_s <= read_s.get(part.endpoint, float("inf")):
                del self._open[part, start_s]
                if part.endpoint in read_s:
                    closed.append(Closed(part, start_s, sums))
        return closed

    def note(self, part: Part, *, is_unusual: bool) -> None:
        """Keep what a window of a part said, once it was judged."""
        self._recent[part] = (*self._recent.get(part, ()), is_unusual)[-self._of_windows :]

    def stands(self, part: Part) -> bool:
        """Whether an alarm stands for a part."""
        return sum(self._recent.get(part, ())[-self._of_windows :]) >= self._alarm_windows

    def keep(self, parts: Collection[Part]) -> None:
        """Forget what was said of all other parts."""
        self._recent = {part: windows for part, windows in self._recent.items() if part in parts}
        self._open = {key: sums for key, sums in self._open.items() if key[0] in parts}

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "length_s": self.length_s,
            "open": [[*part, start_s, list(s)] for (part, start_s), s in self._open.items()],
            "recent": [[*part, list(windows)] for part, windows in self._recent.items()],
        }

    def restore(self, body: Mapping[str, Any]) -> None:
        """Know again what `to_json` wrote; nothing where windows were of another length then."""
        if body["length_s"] != self.length_s:
            return
        self._open = {
            (Part(endpoint, version), start_s): tuple(sums)
            for endpoint, version, start_s, sums in body["open"]
        }
        self._recent = {
            Part(endpoint, version): tuple(windows) for endpoint, version, windows in body["recent"]
        }
