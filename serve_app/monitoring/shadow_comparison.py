"""One shadow of an endpoint held against what was answered: of all rows, and of parts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.monitoring.paired_rows import PairedRows, Pairing, by_segment
from serve_app.monitoring.pairs import PairedCounts
from serve_app.monitoring.quality.segments import MAX_VALUES, OTHER, Segment, SegmentRule
from serve_app.monitoring.score_pairs import ScoreDistance, ScorePairs

ANSWERED_BY = "answered by"
"""The segments by which variants are told apart, whatever an endpoint names."""
_TRACKED = 50
"""Values of a column that are added up, before those with the most rows are chosen."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What some pairs add up to, and how far the scores of both sides are apart."""

    counts: PairedCounts
    distance: ScoreDistance | None

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        distance = None if self.distance is None else self.distance.to_json()
        return {**self.counts.to_json(), "score_distance": distance}


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """What pairs of a shadow add up to; `segments` say the same of parts of the rows."""

    shadow: str
    whole: Compared
    segments: Mapping[Segment, Compared]

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "shadow": self.shadow,
            **self.whole.to_json(),
            "segments": [
                {"column": segment.column, "value": segment.value, **compared.to_json()}
                for segment, compared in self.segments.items()
            ],
        }


class _Sums:
    """What pairs add up to while they come."""

    __slots__ = ("counts", "scores")

    def __init__(self) -> None:
        self.counts, self.scores = PairedCounts(), ScorePairs()

    def add(self, pairs: PairedRows, pairing: Pairing) -> None:
        self.counts = self.counts + pairing.counts(pairs)
        self.scores.add(*pairing.scores(pairs))

    def join(self, other: _Sums) -> None:
        self.counts = self.counts + other.counts
        self.scores.join(other.scores)

    def compared(self) -> Compared:
        return Compared(self.counts, self.scores.distance())


class ShadowSums:
    """Adds up the rows of one shadow and of their segments, in memory that is bounded."""

    def __init__(self, shadow: str, pairing: Pairing, rule: SegmentRule) -> None:
        self._shadow, self._pairing, self._rule = shadow, pairing, rule
        self._whole = _Sums()
        self._segments: dict[Segment, _Sums] = {}

    def add(
        self,
        pairs: PairedRows,
        answered_by: Sequence[str],
        segments: Sequence[Mapping[str, str]],
    ) -> None:
        """Take some rows, with who answered each and its values of the segments' columns."""
        self._whole.add(pairs, self._pairing)
        of_rows = [
            {ANSWERED_BY: who, **{one.column: one.value for one in self._rule.of(row)}}
            for who, row in zip(answered_by, segments, strict=True)
        ]
        for (column, value), places in by_segment(pairs, of_rows).items():
            place = self._place(Segment(column, value))
            self._segments.setdefault(place, _Sums()).add(pairs.take(places), self._pairing)

    def comparison(self) -> ShadowComparison:
        """What was added up; of each column the values with the most rows, and the others."""
        shown: dict[Segment, _Sums] = {}
        for column in sorted({one.column for one in self._segments}):
            own = {one: sums for one, sums in self._segments.items() if one.column == column}
            rest = _Sums()
            if Segment(column, OTHER) in own:
                rest.join(own.pop(Segment(column, OTHER)))
            ranked = sorted(own.items(), key=lambda item: (-item[1].counts.rows, item[0]))
            shown.update(ranked[:MAX_VALUES])
            for _, sums in ranked[MAX_VALUES:]:
                rest.join(sums)
            if len(ranked) > MAX_VALUES or Segment(column, OTHER) in self._segments:
                shown[Segment(column, OTHER)] = rest
        segments = {segment: sums.compared() for segment, sums in shown.items()}
        return ShadowComparison(self._shadow, self._whole.compared(), segments)

    def _place(self, segment: Segment) -> Segment:
        known = sum(one.column == segment.column for one in self._segments)
        has_room = segment in self._segments or known < _TRACKED
        return segment if has_room else Segment(segment.column, OTHER)
