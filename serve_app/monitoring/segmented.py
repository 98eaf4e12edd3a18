"""How good answers were in parts of the traffic, and in which of them they were worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from serve_app.core.labelled import LabelledRow
from serve_app.core.signature import Output
from serve_app.monitoring.quality.interval import LEVEL, MetricValue, quantile
from serve_app.monitoring.quality.mean import RewardSums
from serve_app.monitoring.quality.segments import MAX_VALUES, OTHER, Segment, SegmentRule
from serve_app.monitoring.quality.sums import Sums, joined, sums_of

JUDGED = {"accuracy": 1, "auc": 1, "reward": 1, "mae": -1, "rmse": -1}
"""Metrics by which a segment is held against all rows; 1 where more is better, else -1."""
MINIMUM_ROWS = 30
"""Of fewer labelled rows nothing is said."""
_TRACKED = 20
"""Values of a column that are added up, before the most frequent of them are chosen."""


@dataclass(frozen=True, slots=True)
class SegmentQuality:
    """Metrics of the rows of a segment; `worse` are those that are worse than that of all rows.

    A metric is worse where its interval and that of all rows lie apart, both widened so that one
    of all segments and metrics is called worse by chance in one of twenty results.
    """

    segment: Segment
    labelled: int
    metrics: Mapping[str, MetricValue]
    worse: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "column": self.segment.column,
            "value": self.segment.value,
            "labelled": self.labelled,
            "metrics": {name: value.to_json() for name, value in self.metrics.items()},
            "worse": list(self.worse),
        }


@dataclass(frozen=True, slots=True)
class _Part:
    """What was added up of the rows of a segment."""

    rows: int = 0
    labelled: int = 0
    sums: Sums | None = None
    rewards: RewardSums = field(default_factory=RewardSums)

    def plus(self, other: _Part) -> _Part:
        """Both together."""
        return _Part(
            self.rows + other.rows,
            self.labelled + other.labelled,
            joined(self.sums, other.sums),
            self.rewards + other.rewards,
        )

    def metrics(self) -> dict[str, MetricValue]:
        """What is known of how good the answers were."""
        of_truths = {} if self.sums is None else self.sums.metrics()
        return {**of_truths, **(self.rewards.metrics() if self.rewards.n else {})}


class SegmentSums:
    """Adds up labelled rows by their segments, in memory that is bounded."""

    def __init__(self, rule: SegmentRule, output: Output) -> None:
        self._rule, self._output = rule, output
        self._parts: dict[Segment, _Part] = {}

    def add(self, rows: Sequence[LabelledRow]) -> None:
        """Take some rows."""
        by_segment: dict[Segment, list[LabelledRow]] = {}
        for row in rows:
            for segment in self._rule.of(row.prediction.segments):
                by_segment.setdefault(segment, []).append(row)
        for segment, some in sorted(by_segment.items(), key=_by_size):
            part = self._parts
            place = segment if segment in part or self._has_room(segment) else _rest(segment)
            part[place] = part.get(place, _Part()).plus(self._part(some))

    def results(self, whole: Mapping[str, MetricValue]) -> tuple[SegmentQuality, ...]:
        """How good the answers were, `whole` being the metrics of all rows."""
        made = [
            SegmentQuality(segment, part.labelled, part.metrics())
            for segment, part in sorted(self._chosen().items())
        ]
        tests = sum(name in JUDGED for one in made for name in one.metrics)
        return tuple(replace(one, worse=tuple(_worse(one, whole, tests))) for one in made)

    def _has_room(self, segment: Segment) -> bool:
        return sum(one.column == segment.column for one in self._parts) < _TRACKED

    def _part(self, rows: Sequence[LabelledRow]) -> _Part:
        labelled = [row for row in rows if row.truth is not None]
        rewards = [row.reward for row in rows if row.reward is not None]
        sums = sums_of(labelled, self._output)
        return _Part(len(rows), len(labelled), sums, RewardSums.of(rewards))

    def _chosen(self) -> dict[Segment, _Part]:
        """The segments that are shown: of each column those with most rows, and the rest."""
        shown: dict[Segment, _Part] = {}
        for column in self._rule.allowed:
            own = {one: part for one, part in self._parts.items() if one.column == column}
            rest = own.pop(Segment(column, OTHER), _Part())
            ranked = sorted(own.items(), key=lambda item: (-item[1].rows, item[0]))
            shown.update(ranked[:MAX_VALUES])
            for _, part in ranked[MAX_VALUES:]:
                rest = rest.plus(part)
            if rest.rows:
                shown[Segment(column, OTHER)] = rest
        return shown


def _by_size(item: tuple[Segment, Sequence[LabelledRow]]) -> tuple[int, Segment]:
    return -len(item[1]), item[0]


def _rest(segment: Segment) -> Segment:
    return Segment(segment.column, OTHER)


def _worse(one: SegmentQuality, whole: Mapping[str, MetricValue], tests: int) -> Iterable[str]:
    """The metrics of a segment that are worse than those of all rows, of so many that are told."""
    factor = quantile(1 - (1 - LEVEL) / max(1, tests)) / quantile(LEVEL)
    for name, better in JUDGED.items():
        mine, all_rows = one.metrics.get(name), whole.get(name)
        if mine is None or all_rows is None or mine.n < MINIMUM_ROWS:
            continue
        own, common = _widened(mine, factor), _widened(all_rows, factor)
        if own is None or common is None:
            continue
        if own[1] < common[0] if better > 0 else own[0] > common[1]:
            yield name


def _widened(metric: MetricValue, factor: float) -> tuple[float, float] | None:
    """The interval of a metric, so many times as wide."""
    value, low, high = metric.value, metric.low, metric.high
    if value is None or low is None or high is None:
        return None
    return value - (value - low) * factor, value + (high - value) * factor
