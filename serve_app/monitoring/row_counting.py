"""Counts what one gateway saw by version and minute, until it is sent away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.monitoring.binning import ROWS, Binner
from serve_app.monitoring.record_block import RecordBlock, Recorded, blocks_of
from serve_app.monitoring.window import Key, Series

if TYPE_CHECKING:
    from serve_app.monitoring.profile.profile import FeatureProfile

WINDOW_S = 60
MOST_WINDOWS = 2_000


@dataclass(frozen=True, slots=True)
class Watch:
    """How the requests of one endpoint are counted.

    `columns` counts the rows as they came, where a transformer sees them first, under its version
    `taker`. `answers` counts them by the version that answered: with their rows, unless a
    transformer has changed these, and what was predicted, unless versions are in `together`,
    whose answers become one. `uncounted` are versions that have no profile.
    """

    answers: Mapping[str, Binner]
    taker: str | None = None
    columns: Binner | None = None
    uncounted: frozenset[str] = frozenset()
    together: frozenset[str] = frozenset()


def watch_of(
    versions: Iterable[str],
    taker: str | None,
    labels: Sequence[Any],
    profile_of: Callable[[str], FeatureProfile | None],
    together: frozenset[str] = frozenset(),
) -> Watch:
    """How an endpoint of some versions is counted, `taker` being a transformer that they share.

    `labels` are the classes in the order in which the endpoint gives their probabilities. What
    has no profile is not counted. The answers of versions in `together` become one, which is not
    what any of them predicted.
    """
    answers: dict[str, Binner] = {}
    versions = sorted(versions)
    for version in versions:
        profile = profile_of(version)
        if profile is not None:
            seen = counted_part(profile, version, taker, alone=version not in together)
            answers[version] = Binner(seen, labels or None)
    columns: Binner | None = None
    if taker is not None and (before := profile_of(taker)) is not None:
        columns = Binner(counted_part(before, taker, taker))
    wanted = versions if taker is None else [*versions, taker]
    counted = answers.keys() if columns is None else {*answers, taker}
    return Watch(answers, taker, columns, frozenset(set(wanted) - set(counted)), together)


def counted_part(
    profile: FeatureProfile, version: str, taker: str | None, *, alone: bool = True
) -> FeatureProfile:
    """The part of a version's profile that gateways can count.

    Where a transformer, the `taker`, sees the rows first, it is counted by these and nobody else
    is. What a version predicted is known where it answers `alone`.
    """
    if version == taker:
        return replace(profile, predictions=())
    seen = profile if taker is None else replace(profile, features=())
    return seen if alone else replace(seen, predictions=())


class RowCounting:
    """Integer counts by version and minute. What does not fit is let go and counted."""

    def __init__(self, *, most_windows: int = MOST_WINDOWS) -> None:
        self.dropped_rows = 0
        self._most_windows = most_windows
        self._counts: dict[Key, NDArray[np.int64]] = {}

    def add(
        self, records: Iterable[Recorded], watches: Mapping[str, Watch], wall_minus_clock_s: float
    ) -> None:
        """Count the rows of records that were answered, by when they arrived."""
        for block in blocks_of(records):
            watch = watches.get(block.endpoint)
            if watch is None or block.columns is None or block.prediction is None:
                continue
            minutes = (block.started_s + wall_minus_clock_s) // WINDOW_S
            for minute in np.unique(minutes).tolist():
                part = block.where(minutes == minute)
                for variants in dict.fromkeys(part.variants):
                    answered = np.array([one == variants for one in part.variants])
                    self._add(part.where(answered), variants, int(minute), watch)

    def drain(self) -> dict[Key, NDArray[np.int64]]:
        """All counts so far, which are then gone from here."""
        drained, self._counts = self._counts, {}
        return drained

    def _add(
        self, block: RecordBlock, variants: tuple[str, ...], minute: int, watch: Watch
    ) -> None:
        """Count what came within a minute and was answered by the same versions."""
        endpoint, start_s, columns = block.endpoint, minute * WINDOW_S, block.columns
        if columns is None:
            return
        if watch.columns is not None and watch.taker is not None:
            self._count(endpoint, watch.taker, start_s, watch.columns, columns, None)
        for version in variants:
            binner = watch.answers.get(version)
            is_one_of_several = version in watch.together
            if binner is not None and (is_one_of_several or len(variants) == 1):
                answer = None if is_one_of_several else block.prediction
                self._count(endpoint, version, start_s, binner, columns, answer)

    def _count(
        self,
        endpoint: str,
        version: str,
        start_s: int,
        binner: Binner,
        columns: Columns,
        prediction: Prediction | None,
    ) -> None:
        vector = binner.count(columns, prediction).vector
        key = Key(Series(endpoint, version, binner.layout.digest), start_s, WINDOW_S)
        former = self._counts.get(key)
        if former is not None:
            former += vector
            return
        while len(self._counts) >= self._most_windows:
            oldest = min(self._counts, key=lambda one: one.start_s)
            self.dropped_rows += int(self._counts.pop(oldest)[ROWS])
        self._counts[key] = vector
