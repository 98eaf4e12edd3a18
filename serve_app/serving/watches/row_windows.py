"""What the watches over whole rows share: how far they read, their windows, and their state."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Generic, NamedTuple, TypeVar, cast

from serve_app.config.whole_rows import RowWindowArgs
from serve_app.monitoring.sum_windows import Closed, Part, SumWindows
from serve_app.serving.watches.recent_rows import Block, RecentRows, Reference
from serve_app.serving.watches.watch import Sources

V = TypeVar("V")
"""What is said of a window: a dataclass of JSON values."""
Look = Callable[[Block], Iterable[tuple[Part, tuple[float, ...]]]]
"""What a block of rows adds to the sums of each part; the first is how many rows it has."""


class Last(NamedTuple, Generic[V]):
    """What the last window of a part says, none where it has too few rows.

    `start_s` is when it began, in seconds since 1970.
    """

    start_s: int
    verdict: V | None
    rows: int


class RowWindows(Generic[V]):
    """Reads each row once, though processes end, and judges windows once they are read.

    Its state has a `name` in the monitor's store. `verdict` is the type of what is said of windows.
    """

    def __init__(
        self,
        name: str,
        sources: Sources,
        recent: RecentRows,
        args: RowWindowArgs,
        verdict: type[V],
    ) -> None:
        self._name, self._sources, self._recent = name, sources, recent
        self._windows = SumWindows(
            args.window_s, alarm_windows=args.alarm_windows, of_windows=args.of_windows
        )
        self._args, self._verdict = args, verdict
        self._positions: dict[str, float] = {}
        self._last: dict[Part, Last[V]] = {}
        self._is_saved = True
        self.lock = threading.RLock()

    def restore(self) -> Any:
        """Know again what was read and judged; gives what a watch kept beside it, if anything.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._sources.state.load(self._name)
        if body is None:
            return None
        self._positions = dict(body["positions"])
        self._windows.restore(body["windows"])
        self._last = {
            Part(endpoint, version): Last(start_s, verdict and self._verdict(**verdict), rows)
            for endpoint, version, start_s, verdict, rows in body["last"]
        }
        return body["beside"]

    def run(
        self,
        look: Look,
        judge: Callable[[Reference, tuple[float, ...]], tuple[V, bool]],
        beside: Callable[[], Any] = lambda: None,
    ) -> None:
        """Read what came, judge the windows that are over, and keep what is known then.

        `judge` says what the sums of a window that has rows enough are, held against a reference,
        and whether that is unusual. A watch may keep something of its own `beside`.

        Raises:
            RecordsFailed: the log cannot be read.
            RegistryFailed: the database cannot be read or written.
        """
        if not self._args.enabled or self._sources.intake.is_over():
            # The process that took over reads on from what was saved last.
            return
        before = dict(self._positions)
        for block in self._recent.since(before, self._args.window_s):
            sums = list(look(block))
            with self.lock:
                # Together, so that a block counts once though the next one cannot be read.
                for part, values in sums:
                    self._windows.add(part, block.start_s, values)
                self._positions[block.endpoint] = block.start_s + block.length_s
        watched = self._recent.watched().keys()
        with self.lock:
            names = self._sources.endpoints().keys()
            self._positions = {name: at for name, at in self._positions.items() if name in names}
            self._windows.keep(watched)
            for closed in self._windows.close(self._positions):
                self._judge(closed, judge)
            self._last = {part: one for part, one in self._last.items() if part in watched}
            changed = self._positions != before or not self._is_saved
            body = {
                "positions": self._positions,
                "windows": self._windows.to_json(),
                "last": [
                    [*part, start_s, verdict and asdict(cast("Any", verdict)), rows]
                    for part, (start_s, verdict, rows) in self._last.items()
                ],
                "beside": beside(),
            }
        if changed:
            self._is_saved = False
            self._sources.state.save(self._name, body)
            self._is_saved = True

    def verdicts(self) -> list[tuple[Part, V]]:
        """What the last window of each part says that has rows enough, by part."""
        with self.lock:
            last = sorted(self._last.items(), key=lambda one: one[0])
        return [(part, one.verdict) for part, one in last if one.verdict is not None]

    def alarming(self) -> list[tuple[Part, V]]:
        """Those of which an alarm stands."""
        with self.lock:
            return [one for one in self.verdicts() if self._windows.stands(one[0])]

    def stated(self, part: Part, name: str) -> dict[str, Any]:
        """What a report says of the last window of a part; its verdict is called `name`."""
        reason = self._recent.not_judged(part)
        with self.lock:
            last, alarm = self._last.get(part), self._windows.stands(part)
        verdict, rows = (None, 0) if last is None else (last.verdict, last.rows)
        if reason is None and verdict is None:
            reason = f"too few rows: {rows} of {self._args.minimum_rows}"
        return {
            "endpoint": part.endpoint,
            "version": part.version,
            "window_start_s": None if last is None else last.start_s,
            "window_s": self._args.window_s,
            "rows": rows,
            "alarm": alarm,
            name: verdict and asdict(cast("Any", verdict)),
            "not_judged": reason,
        }

    def _judge(
        self, closed: Closed, judge: Callable[[Reference, tuple[float, ...]], tuple[V, bool]]
    ) -> None:
        reference, rows = self._recent.reference(closed.part.version), int(closed.sums[0])
        verdict: V | None = None
        if reference is not None and rows >= self._args.minimum_rows:
            verdict, is_unusual = judge(reference, closed.sums)
            self._windows.note(closed.part, is_unusual=is_unusual)
        self._last[closed.part] = Last(closed.start_s, verdict, rows)


def listed(parts: Mapping[Part, Any], endpoint: str | None) -> list[Part]:
    """The parts of one endpoint or all, in their order."""
    return sorted(part for part in parts if endpoint in {None, part.endpoint})
