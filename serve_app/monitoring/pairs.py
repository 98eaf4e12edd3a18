"""What two models said of the same rows, in sums that can be added up.

Of each pair one is what was answered, the other what a shadow said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.quality.interval import proportion
from serve_app.monitoring.quantile_sketch import QuantileSketch

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
ALPHA = 0.05
TIGHTEST_AT = 1_000
"""Labelled rows at which the confidence sequence of losses is narrowest."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Numbers of one side less those of the other: how many, their sums, and where they lie."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    absolute: float = 0.0
    sketch: QuantileSketch = field(default_factory=QuantileSketch)

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Differences:
        """Those of some pairs, as far as they are finite."""
        given = values[np.isfinite(values)]
        return cls(
            len(given),
            float(given.sum()),
            float(given @ given),
            float(np.abs(given).sum()),
            QuantileSketch.of(given),
        )

    def __add__(self, other: Differences) -> Differences:
        return Differences(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self))
        )

    @property
    def deviation(self) -> float:
        """The standard deviation of the numbers, without Bessel's correction."""
        if not self.n:
            return 0.0
        mean = self.total / self.n
        return math.sqrt(max(0.0, self.squares / self.n - mean * mean))

    def to_json(self) -> dict[str, Any] | None:
        """Mean, mean without signs, deviation and quantiles; None where there is no pair."""
        if not self.n:
            return None
        return {
            "n": self.n,
            "mean": self.total / self.n,
            "mean_absolute": self.absolute / self.n,
            "standard_deviation": self.deviation,
            "quantiles": {f"{share:g}": self.sketch.quantile(share) for share in QUANTILES},
        }


@dataclass(frozen=True, slots=True)
class Requests:
    """What became of requests at both sides; `dropped` ones were not shown to the shadow.

    `timed_out` are among those at which the shadow failed.
    """

    both_answered: int = 0
    only_answer: int = 0
    only_shadow: int = 0
    both_failed: int = 0
    timed_out: int = 0
    dropped: int = 0

    def __add__(self, other: Requests) -> Requests:
        return Requests(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self))
        )

    def to_json(self) -> dict[str, Any]:
        """The counts, and the shares of shown requests at which each side failed."""
        shown = self.both_answered + self.only_answer + self.only_shadow + self.both_failed
        answer, shadow = self.only_shadow + self.both_failed, self.only_answer + self.both_failed
        shares = (None, None) if not shown else (answer / shown, shadow / shown)
        difference = None if not shown else (shadow - answer) / shown
        return {
            **{one.name: getattr(self, one.name) for one in fields(self)},
            "shown": shown,
            "answer_error_rate": shares[0],
            "shadow_error_rate": shares[1],
            "error_rate_difference": difference,
        }


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pairs whose truth is known: who was right, and by how much the shadow's loss is greater."""

    both_right: int = 0
    only_answer_right: int = 0
    only_shadow_right: int = 0
    both_wrong: int = 0
    loss: Differences = field(default_factory=Differences)

    def __add__(self, other: Labelled) -> Labelled:
        return Labelled(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self))
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairedCounts:
    """Everything that is added up of the pairs of an answer and a shadow.

    `table` has a row for each class of the answer and a column for each of the shadow; it is empty
    where they are no classes. `score` and `took_s` are the shadow's less the answer's.
    """

    requests: Requests = field(default_factory=Requests)
    rows: int = 0
    table: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    score: Differences = field(default_factory=Differences)
    took_s: Differences = field(default_factory=Differences)
    labelled: Labelled = field(default_factory=Labelled)

    def __add__(self, other: PairedCounts) -> PairedCounts:
        one, more = self.table, other.table
        return PairedCounts(
            self.requests + other.requests,
            self.rows + other.rows,
            one + more if one.shape == more.shape else one if one.size else more,
            self.score + other.score,
            self.took_s + other.took_s,
            self.labelled + other.labelled,
        )

    def with_labels(self, labelled: Labelled) -> PairedCounts:
        """The same with what is known of the truth of some pairs."""
        return replace(self, labelled=labelled)

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON values; what cannot be said of so few rows is None."""
        return {
            "rows": self.rows,
            "requests": self.requests.to_json(),
            "agreement": agreement(self.table),
            "kappa": cohens_kappa(self.table),
            "table": self.table.tolist(),
            "score_difference": self.score.to_json(),
            "latency_difference_s": self.took_s.to_json(),
            "labelled": labelled_json(self.labelled),
        }


def agreement(table: NDArray[np.int64]) -> dict[str, Any] | None:
    """The share of pairs of the same class, with Wilson's interval; None where there is none."""
    n = int(table.sum())
    return proportion(int(np.trace(table)), n).to_json() if n else None


def cohens_kappa(table: NDArray[np.int64]) -> float | None:
    """Agreement beyond chance (J. Cohen, Educational and Psychological Measurement 20, 1960).

    None where there is no pair, or where both sides say one same class throughout.
    """
    n = int(table.sum())
    if not n:
        return None
    by_chance = float(table.sum(axis=1) @ table.sum(axis=0)) / (n * n)
    if by_chance >= 1:
        return None
    return (float(np.trace(table)) / n - by_chance) / (1 - by_chance)


def labelled_json(labelled: Labelled) -> dict[str, Any]:
    """Who was right how often, and in which interval the mean difference of losses lies.

    The interval holds at every look (asymptotic confidence sequence: I. Waudby-Smith, D. Arbour,
    R. Sinha, E. H. Kennedy and A. Ramdas, Annals of Statistics 52, 2024, equation 2.5).
    """
    loss = labelled.loss
    mean = low = high = None
    if loss.n:
        mean = loss.total / loss.n
        reach = loss.deviation * _boundary(loss.n)
        low, high = mean - reach, mean + reach
    return {
        "rows": loss.n,
        "both_right": labelled.both_right,
        "only_answer_right": labelled.only_answer_right,
        "only_shadow_right": labelled.only_shadow_right,
        "both_wrong": labelled.both_wrong,
        "loss_difference": {"mean": mean, "low": low, "high": high},
    }


def _boundary(n: int) -> float:
    """How many standard deviations the interval of a mean of so many rows reaches."""
    log_alpha = math.log(ALPHA)
    scale = (-2 * log_alpha + math.log(1 - 2 * log_alpha)) / TIGHTEST_AT
    grown = n * scale + 1
    return math.sqrt(2 * grown / (n * n * scale) * math.log(math.sqrt(grown) / ALPHA))
