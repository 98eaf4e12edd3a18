"""Counts of many processes, added up in windows of time that follow each other.

Every count is added to the window of each length that holds its time, so that a coarse window is
the sum of its finer ones at any moment, and a late count is late in none of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.sequences import Sequences
from serve_app.monitoring.window import Key, Packed, Series, Window, packed

MINUTE_S, FIVE_MINUTES_S, HOUR_S, DAY_S = 60, 300, 3_600, 86_400
_SLACK_S = 3_600
"""How far the clock may run ahead of the time that has passed before that counts as a jump."""

_MOST = 2**53
"""No more rows than so many can be counted at once."""


_Levels = dict[int, dict[int, NDArray[np.int64] | Packed]]
"""The counts of a series by the length and the start of their windows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept.

    `keep_s` says for each length of a window, in seconds, how long such are kept; the shortest
    divides all others. A window is packed `grace_s` after its end, and counts that come then are
    late. Counts more than `future_s` ahead of the clock are counted now. `series` is how many
    variants of endpoints there can be.
    """

    keep_s: Mapping[int, int] = field(
        default_factory=lambda: {
            MINUTE_S: 2 * HOUR_S,
            FIVE_MINUTES_S: 12 * HOUR_S,
            HOUR_S: 14 * DAY_S,
            DAY_S: 400 * DAY_S,
        }
    )
    grace_s: float = 30.0
    future_s: float = 120.0
    series: int = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """Counts that a process made since its last ones; `at_s` is when, in seconds since 1970."""

    series: Series
    at_s: float
    vector: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of deltas that were not like others, and of deliveries that came again.

    `late` and `future` ones are counted all the same; `expired` ones are older than anything
    that is kept, and `refused` ones of a series too many: both are lost.
    """

    late: int = 0
    future: int = 0
    expired: int = 0
    refused: int = 0
    repeated: int = 0


class Merged:
    """The windows of all series, to which each delivery of a replica is added once.

    `clock` gives seconds since 1970, `steady` seconds that never jump (`time.monotonic`). The age
    of windows is measured from the newest one. When the clock jumps forward, no more of them go
    than for the time that has passed; of each length there are never more than `Limits` allows.
    """

    def __init__(
        self, clock: Callable[[], float], steady: Callable[[], float], limits: Limits | None = None
    ) -> None:
        self._clock, self._steady = clock, steady
        self._limits = limits or Limits()
        self._finest = min(self._limits.keep_s)
        self._series: dict[Series, _Levels] = {}
        self._sizes: dict[Series, int] = {}
        self._open: set[Key] = set()
        self._changed: set[Key] = set()
        self._gone: set[Key] = set()
        self._sequences = Sequences()
        self._newest_s = -math.inf
        # What the clock would show if it never jumped is this and the steady seconds.
        self._ahead_s = clock() - steady()
        self._tended = -math.inf
        self.tally = Tally()

    def take(self, replica: str, sequence: int, deltas: Sequence[Delta]) -> bool:
        """Add a delivery of a replica, unless it was taken before: then false.

        Raises:
            ValueError: a delta cannot be counted; nothing of the delivery is.
        """
        sizes = dict(self._sizes)
        for delta in deltas:
            _check(delta, sizes.setdefault(delta.series, delta.vector.size))
        if self._sequences.taken(replica, sequence):
            self.tally = replace(self.tally, repeated=self.tally.repeated + 1)
            return False
        self._sequences.take(replica, sequence)
        now_s = self._clock()
        for delta in deltas:
            self._add(delta, now_s)
        self.tend()
        return True

    def has(self, replica: str, sequence: int) -> bool:
        """Whether a delivery of a replica was taken."""
        return self._sequences.taken(replica, sequence)

    def tend(self) -> None:
        """Pack the windows that are over, and let go those that are too old."""
        now_s = self._clock()
        if now_s // self._finest == self._tended:
            return
        self._tended = now_s // self._finest
        over = [k for k in self._open if k.start_s + k.length_s + self._limits.grace_s <= now_s]
        for key in over:
            windows = self._series[key.series][key.length_s]
            counts = windows[key.start_s]
            windows[key.start_s] = counts if isinstance(counts, Packed) else packed(counts)
            self._open.discard(key)
        self._forget()

    def series(self) -> list[Series]:
        """All that is counted, sorted."""
        return sorted(self._series)

    def windows(
        self,
        series: Series,
        length_s: int,
        from_s: float = -math.inf,
        to_s: float = math.inf,
    ) -> list[Window]:
        """The windows of a length that begin from a time on and before another, in order.

        Stretches in which nothing was counted have none.
        """
        kept = self._series.get(series, {}).get(length_s, {})
        keys = [Key(series, at, length_s) for at in sorted(kept) if from_s <= at < to_s]
        return [self._window(key) for key in keys]

    def changes(self) -> tuple[list[Window], list[Key]]:
        """The windows that changed since this was last called, and those that are gone.

        What keeps them, with `state`, can make the same again: `restore`.
        """
        changed = [self._window(key) for key in sorted(self._changed)]
        gone = sorted(self._gone)
        self._changed, self._gone = set(), set()
        return changed, gone

    def changed_still(self, changed: Iterable[Window], gone: Iterable[Key]) -> None:
        """Take back what `changes` gave, which could not be kept."""
        self._changed.update(one.key for one in changed if self._has(one.key))
        self._gone.update(key for key in gone if not self._has(key))

    def state(self) -> dict[str, Any]:
        """All beside the windows, as JSON values."""
        return {"sequences": self._sequences.to_json(), "tally": asdict(self.tally)}

    def restore(self, windows: Iterable[Window], state: Mapping[str, Any]) -> None:
        """Take the place of one that had these windows and this state.

        Raises:
            ValueError: two windows of a series have not as many numbers.
        """
        self._series, self._sizes, self._open = {}, {}, set()
        self._sequences.restore(state["sequences"])
        self.tally = Tally(**state["tally"])
        for window in windows:
            series, start_s, length_s = window.key
            if length_s not in self._limits.keep_s:
                continue
            if self._sizes.setdefault(series, window.counts.size) != window.counts.size:
                raise ValueError(f"windows of {series.variant} differ in how many numbers they are")
            self._levels(series)[length_s][start_s] = window.counts
            self._advance(start_s)

    @property
    def nbytes(self) -> int:
        """How many bytes the counts take."""
        return sum(
            counts.nbytes
            for levels in self._series.values()
            for windows in levels.values()
            for counts in windows.values()
        )

    def _add(self, delta: Delta, now_s: float) -> None:
        """Add a delta to the window of each length that is kept."""
        tally, at_s = self.tally, delta.at_s
        if at_s > now_s + self._limits.future_s:
            at_s, tally = now_s, replace(tally, future=tally.future + 1)
        elif (at_s // self._finest + 1) * self._finest + self._limits.grace_s < now_s:
            tally = replace(tally, late=tally.late + 1)
        if delta.series not in self._series and len(self._series) >= self._limits.series:
            self.tally = replace(tally, refused=tally.refused + 1)
            return
        self._advance(at_s)
        kept = [at for at in self._limits.keep_s if self._keeps(_start(at_s, at), at)]
        if not kept or at_s < 0:
            self.tally = replace(tally, expired=tally.expired + 1)
            return
        self._sizes[delta.series] = len(delta.vector)
        for length_s in kept:
            self._include(Key(delta.series, _start(at_s, length_s), length_s), delta.vector)
        self.tally = tally

    def _include(self, key: Key, vector: NDArray[Any]) -> None:
        windows = self._levels(key.series)[key.length_s]
        before = windows.get(key.start_s)
        counts = vector.astype(np.int64)
        if before is not None:
            counts += before.vector() if isinstance(before, Packed) else before
        windows[key.start_s] = counts
        self._open.add(key)
        self._changed.add(key)
        self._gone.discard(key)

    def _levels(self, series: Series) -> _Levels:
        return self._series.setdefault(series, {length: {} for length in self._limits.keep_s})

    def _advance(self, at_s: float) -> None:
        """Let the time that old windows are measured by follow what arrives."""
        most_s = self._ahead_s + self._steady() + _SLACK_S
        self._newest_s = max(self._newest_s, min(at_s, most_s))

    def _keeps(self, start_s: int, length_s: int) -> bool:
        return start_s + length_s > self._newest_s - self._limits.keep_s[length_s]

    def _forget(self) -> None:
        for series, levels in list(self._series.items()):
            for length_s, windows in levels.items():
                for start_s in self._old(windows, length_s):
                    del windows[start_s]
                    key = Key(series, start_s, length_s)
                    self._open.discard(key)
                    self._changed.discard(key)
                    self._gone.add(key)
            if not any(levels.values()):
                del self._series[series], self._sizes[series]

    def _old(self, windows: Mapping[int, Any], length_s: int) -> list[int]:
        """The windows of a length that are too old, or too many."""
        old = [start_s for start_s in windows if not self._keeps(start_s, length_s)]
        most = (self._limits.keep_s[length_s] + _SLACK_S) // length_s + 2
        surplus = len(windows) - most
        return sorted(windows)[:surplus] if surplus > len(old) else old

    def _has(self, key: Key) -> bool:
        return key.start_s in self._series.get(key.series, {}).get(key.length_s, {})

    def _window(self, key: Key) -> Window:
        counts = self._series[key.series][key.length_s][key.start_s]
        return Window(key, counts if isinstance(counts, Packed) else packed(counts))


def _start(at_s: float, length_s: int) -> int:
    """When the window of a length begins that holds a time."""
    return int(at_s // length_s) * length_s


def _check(delta: Delta, size: int) -> None:
    """Let only counts pass that can be added to others of so many numbers.

    Raises:
        ValueError: they cannot; says why.
    """
    vector = delta.vector
    where = f"counts of {delta.series.variant} at {delta.series.endpoint}"
    if vector.ndim != 1 or vector.dtype.kind not in "iu":
        raise ValueError(f"{where} are no vector of integers")
    if len(vector) != size:
        raise ValueError(f"{where} are {len(vector)} numbers, and were {size} before")
    if len(vector) and not 0 <= int(vector.min()) <= int(vector.max()) <= _MOST:
        raise ValueError(f"{where} are negative, or more than can be")
    if not math.isfinite(delta.at_s):
        raise ValueError(f"{where} are of no time: {delta.at_s}")
