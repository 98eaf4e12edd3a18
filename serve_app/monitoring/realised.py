"""How good answers were, once it is known what was right: by who gave them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from serve_app.core.labelled import LabelledRow
from serve_app.core.signature import Output
from serve_app.monitoring.quality.interval import MetricValue
from serve_app.monitoring.quality.maturity import Delays, Maturity, Window, maturity_of
from serve_app.monitoring.quality.mean import RewardSums
from serve_app.monitoring.quality.segments import SegmentRule
from serve_app.monitoring.quality.sums import Sums, joined, sums_of
from serve_app.monitoring.segmented import SegmentQuality, SegmentSums

AT_ONCE = 5_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    """Predictions that are looked at: those from `since_s` until `until_s`, seen from `now_s`.

    Times are seconds since 1970. Labels later than `horizon_s` after a prediction do not count.
    """

    since_s: float
    until_s: float
    now_s: float
    horizon_s: float


@dataclass(frozen=True, slots=True)
class Realised:
    """What is known of the answers of some variants.

    `labelled` rows have a truth, `left_out` of them one that the metrics cannot use. `segments`
    say the same of parts of the rows, where an endpoint names some.
    """

    variants: tuple[str, ...]
    labelled: int
    left_out: int
    metrics: Mapping[str, MetricValue]
    maturity: Maturity
    segments: tuple[SegmentQuality, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "variants": list(self.variants),
            "labelled": self.labelled,
            "left_out": self.left_out,
            "metrics": {name: value.to_json() for name, value in self.metrics.items()},
            **self.maturity.to_json(),
            "segments": [one.to_json() for one in self.segments],
        }


@dataclass(slots=True)
class _OfVariants:
    """What was added up of the answers of some variants."""

    labelled: int = 0
    sums: Sums | None = None
    rewards: RewardSums = field(default_factory=RewardSums)
    delays_s: list[float] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    segments: SegmentSums | None = None


def realised(
    rows: Iterable[LabelledRow],
    output: Output,
    predicted: Mapping[tuple[str, ...], int],
    span: Span,
    rule: SegmentRule | None = None,
) -> list[Realised]:
    """Metrics of labelled rows by variants; `output` is what their endpoint gives.

    `predicted` says how many rows variants answered in that time, as far as that is known, `rule`
    which parts of the rows have metrics of their own.
    """
    known: dict[tuple[str, ...], _OfVariants] = {}
    for block in _blocks(rows, AT_ONCE):
        by_variants: dict[tuple[str, ...], list[LabelledRow]] = {}
        for row in block:
            by_variants.setdefault(row.prediction.variants, []).append(row)
        for variants, some in by_variants.items():
            if variants not in known:
                segments = SegmentSums(rule, output) if rule and rule.allowed else None
                known[variants] = _OfVariants(segments=segments)
            _add(known[variants], some, output, span)
    named = {**dict.fromkeys(predicted), **dict.fromkeys(known)}
    return [
        _result(variants, known.get(variants, _OfVariants()), predicted.get(variants, 0), span)
        for variants in sorted(named)
    ]


def _blocks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(rows)
    while block := list(islice(remaining, size)):
        yield block


def _add(known: _OfVariants, rows: Sequence[LabelledRow], output: Output, span: Span) -> None:
    rewards = [row.reward for row in rows if row.reward is not None]
    known.rewards = known.rewards + RewardSums.of(rewards)
    labelled = [row for row in rows if row.truth is not None]
    known.labelled += len(labelled)
    known.delays_s += [row.delay_s for row in labelled]
    known.ages_s += [span.now_s - row.prediction.at_s for row in labelled]
    known.sums = joined(known.sums, sums_of(labelled, output))
    if known.segments is not None:
        known.segments.add(rows)


def _result(variants: tuple[str, ...], known: _OfVariants, predicted: int, span: Span) -> Realised:
    metrics: dict[str, MetricValue] = {}
    if known.sums is not None:
        metrics.update(known.sums.metrics())
    if known.rewards.n:
        metrics.update(known.rewards.metrics())
    window = Window(span.since_s, span.until_s, max(predicted, known.labelled), known.labelled)
    maturity = maturity_of(
        window, Delays.of(known.delays_s, known.ages_s), span.now_s, span.horizon_s
    )
    left_out = 0 if known.sums is None else known.sums.left_out
    segments = () if known.segments is None else known.segments.results(metrics)
    return Realised(variants, known.labelled, left_out, metrics, maturity, segments)
