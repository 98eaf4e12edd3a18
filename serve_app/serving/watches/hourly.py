"""What watches share that look at each version's last hour once, and compute elsewhere."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from serve_app.config.hourly import HourlyArgs
from serve_app.monitoring.sum_windows import Part, SumWindows
from serve_app.monitoring.windows import HOUR_S
from serve_app.serving.watches.elsewhere import Pending
from serve_app.serving.watches.recent_rows import RecentRows
from serve_app.serving.watches.watch import Sources

SETTLED_S = 120.0
"""Rows of an hour are looked at so long after its end."""
FINISHED, FAILED, LATE = "finished", "failed", "late"
logger = logging.getLogger("serve_app.monitor")


class Hour(NamedTuple):
    """What the last hour of a version said, or why nothing; times in seconds since 1970.

    `reference_s` is from when on the rows came that it was held against, and `of` what these
    are, in words, where it was held against rows.
    """

    start_s: int
    not_judged: str | None = None
    result: Mapping[str, Any] | None = None
    reference_s: float | None = None
    of: str | None = None


class Begun(NamedTuple):
    """What is computed elsewhere of an hour, and what makes of it what the hour said."""

    hour: Hour
    pending: Pending
    judged: Callable[[Any], Hour]


class Hourly:
    """The last hour of each version and the alarms, kept under the name of a state.

    Versions are computed one at a time: what fails or is late is counted, and the next one has
    its turn. `is_unusual` says which results count for an alarm.
    """

    def __init__(
        self,
        state: str,
        sources: Sources,
        recent: RecentRows,
        args: HourlyArgs,
        is_unusual: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        self._state, self._sources, self._recent, self._args = state, sources, recent, args
        self._is_unusual = is_unusual
        self._alarms = SumWindows(
            HOUR_S, alarm_windows=args.alarm_windows, of_windows=args.of_windows
        )
        self._hours: dict[Part, Hour] = {}
        self._results: Counter[str] = Counter()
        self._running: tuple[Part, Begun, float] | None = None
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Know again which hours were judged and which alarms stand.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._sources.state.load(self._state)
        if body is not None:
            self._alarms.restore(body["alarms"])
            self._hours = {Part(*part): Hour(*hour) for *part, hour in body["hours"]}

    def run(self, begin: Callable[[Part, int], Hour | Begun]) -> None:
        """Take what was computed, and begin with the next version whose hour is over.

        `begin` gets a version and when its hour began; it may know at once why nothing can be
        computed.

        Raises:
            RecordsFailed: the log cannot be read.
            RegistryFailed: the database cannot be read or written.
        """
        if not self._args.enabled or self._sources.intake.is_over():
            return
        if self._running is not None and not self._take(*self._running):
            return
        start_s = int((self._sources.clock() - SETTLED_S) // HOUR_S - 1) * HOUR_S
        watched = self._recent.watched().keys()
        for part in sorted(watched):
            known = self._hours.get(part)
            if known is not None and known.start_s == start_s:
                continue
            begun = begin(part, start_s)
            if isinstance(begun, Begun):
                self._running = (part, begun, self._sources.clock())
                break
            self._keep(part, begun)
        if self._hours.keys() - watched:
            with self._lock:
                self._hours = {part: h for part, h in self._hours.items() if part in watched}
                self._alarms.keep(watched)

    def results(self) -> list[tuple[Part, Mapping[str, Any]]]:
        """What the last hour of each version said that could be judged, by version."""
        with self._lock:
            hours = sorted(self._hours.items(), key=lambda one: one[0])
        return [(part, hour.result) for part, hour in hours if hour.result is not None]

    def alarming(self) -> list[tuple[Part, Mapping[str, Any]]]:
        """Those of which an alarm stands."""
        results = self.results()
        with self._lock:
            return [(part, result) for part, result in results if self._alarms.stands(part)]

    def stated(self, parts: list[Part]) -> Iterator[tuple[dict[str, Any], Hour]]:
        """What a report says first of each version, and its last hour."""
        waiting = Hour(0, "no hour is over yet")
        with self._lock:
            known = [(part, self._hours.get(part, waiting), self._alarms.stands(part))
                     for part in parts]  # fmt: skip
        for part, hour, alarm in known:
            yield (
                {
                    "endpoint": part.endpoint,
                    "version": part.version,
                    "alarm": alarm,
                    "hour_start_s": hour.start_s or None,
                    "not_judged": hour.not_judged,
                },
                hour,
            )

    def counts(self) -> dict[str, int]:
        """How many computations finished, failed or were late."""
        return {what: self._results[what] for what in (FINISHED, FAILED, LATE)}

    def _take(self, part: Part, begun: Begun, at_s: float) -> bool:
        """Take what was computed; false where that goes on."""
        if not begun.pending.is_done():
            if self._sources.clock() - at_s < self._args.timeout_s:
                return False
            begun.pending.cancel()
            what, hour = LATE, begun.hour._replace(not_judged="it took too long")
        else:
            try:
                what, hour = FINISHED, begun.judged(begun.pending.result())
            except Exception as error:  # noqa: BLE001 - whatever another process dies of
                why = {"version": part.version, "what": self._state, "why": str(error)[:500]}
                logger.warning("an hour could not be judged", extra=why)
                failure = "it failed; the log says why"
                what, hour = FAILED, begun.hour._replace(not_judged=failure)
        self._running = None
        self._results[what] += 1
        self._keep(part, hour)
        return True

    def _keep(self, part: Part, hour: Hour) -> None:
        with self._lock:
            self._hours[part] = hour
            if hour.result is not None:
                self._alarms.note(part, is_unusual=self._is_unusual(hour.result))
            hours = [[*one, list(of)] for one, of in self._hours.items()]
            body = {"alarms": self._alarms.to_json(), "hours": hours}
        self._sources.state.save(self._state, body)
