"""One shadow of an endpoint held against what was answered: of all rows, and of parts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.monitoring.paired_rows import PairedRows, Pairing, by_segment
from serve_app.monitoring.pairs import PairedCounts
from serve_app.monitoring.quality.segments import MAX_VALUES, OTHER, Segment, SegmentRule

ANSWERED_BY = "answered by"
"""The segments by which variants are told apart, whatever an endpoint names."""
_TRACKED = 50
"""Values of a column that are added up, before those with the most rows are chosen."""


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """What pairs of a shadow add up to; `segments` say the same of parts of the rows."""

    shadow: str
    whole: PairedCounts
    segments: Mapping[Segment, PairedCounts]

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "shadow": self.shadow,
            **self.whole.to_json(),
            "segments": [
                {"column": segment.column, "value": segment.value, **counts.to_json()}
                for segment, counts in self.segments.items()
            ],
        }


class ShadowSums:
    """Adds up the rows of one shadow and of their segments, in memory that is bounded."""

    def __init__(self, shadow: str, pairing: Pairing, rule: SegmentRule) -> None:
        self._shadow, self._pairing, self._rule = shadow, pairing, rule
        self._whole = PairedCounts()
        self._segments: dict[Segment, PairedCounts] = {}

    def add(
        self,
        pairs: PairedRows,
        answered_by: Sequence[str],
        segments: Sequence[Mapping[str, str]],
    ) -> None:
        """Take some rows, with who answered each and its values of the segments' columns."""
        self._whole = self._whole + self._pairing.counts(pairs)
        of_rows = [
            {ANSWERED_BY: who, **{one.column: one.value for one in self._rule.of(row)}}
            for who, row in zip(answered_by, segments, strict=True)
        ]
        for (column, value), places in by_segment(pairs, of_rows).items():
            place = self._place(Segment(column, value))
            counts = self._pairing.counts(pairs.take(places))
            self._segments[place] = self._segments.get(place, PairedCounts()) + counts

    def comparison(self) -> ShadowComparison:
        """What was added up; of each column the values with the most rows, and the others."""
        shown: dict[Segment, PairedCounts] = {}
        for column in sorted({one.column for one in self._segments}):
            own = {one: c for one, c in self._segments.items() if one.column == column}
            rest = own.pop(Segment(column, OTHER), None)
            ranked = sorted(own.items(), key=lambda item: (-item[1].rows, item[0]))
            shown.update(ranked[:MAX_VALUES])
            for _, counts in ranked[MAX_VALUES:]:
                rest = counts if rest is None else rest + counts
            if rest is not None:
                shown[Segment(column, OTHER)] = rest
        return ShadowComparison(self._shadow, self._whole, shown)

    def _place(self, segment: Segment) -> Segment:
        known = sum(one.column == segment.column for one in self._segments)
        has_room = segment in self._segments or known < _TRACKED
        return segment if has_room else Segment(segment.column, OTHER)
