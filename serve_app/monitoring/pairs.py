"""What two models said of the same rows, in sums that can be added up.

Of each pair one is what was answered, the other what a shadow said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.experiments import paired
from serve_app.experiments.interval import Interval
from serve_app.monitoring.quality.interval import MetricValue
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

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON values; what cannot be said of so few rows is None."""
        kappa = paired.cohens_kappa(self.table) if self.table.sum() else None
        return {
            "rows": self.rows,
            "requests": self.requests.to_json(),
            "agreement": agreement_json(self.table),
            "kappa": None if kappa is None else kappa.value,
            "kappa_interval": None if kappa is None else _bounds(kappa.interval),
            "table": self.table.tolist(),
            "score_difference": self.score.to_json(),
            "latency_difference_s": self.took_s.to_json(),
            "labelled": labelled_json(self.labelled),
        }


def agreement_json(table: NDArray[np.int64]) -> dict[str, Any] | None:
    """The share of pairs of the same class, with Wilson's interval; None where there is none."""
    if not table.sum():
        return None
    same = paired.agreement(table, alpha=ALPHA)
    limits = same.interval
    return MetricValue(same.rate, limits.lower, limits.upper, same.n, "wilson").to_json()


def labelled_json(labelled: Labelled) -> dict[str, Any]:
    """Who was right how often, McNemar's test of that, and whose loss is greater on average.

    The interval of losses holds at every look, and so do both p-values that say so.
    """
    counts = ("both_right", "only_answer_right", "only_shadow_right", "both_wrong")
    return {
        "rows": labelled.loss.n,
        **{name: getattr(labelled, name) for name in counts},
        "mcnemar": _mcnemar(labelled),
        "loss_difference": _loss(labelled.loss),
    }


def _mcnemar(labelled: Labelled) -> dict[str, Any] | None:
    """Whether both are right equally often; None where nobody is right or wrong."""
    first, second = labelled.only_answer_right, labelled.only_shadow_right
    if not (first + second + labelled.both_right + labelled.both_wrong):
        return None
    test = paired.mcnemar(first, second)
    return {
        "statistic": test.statistic,
        "p_value": test.p_value,
        "corrected_p_value": test.corrected_p_value,
        "exact_p_value": test.exact_p_value,
        "mid_p_value": test.mid_p_value,
        "p_value_at_every_look": paired.mcnemar_p_value_now(first, second, alpha=ALPHA),
    }


def _loss(loss: Differences) -> dict[str, Any]:
    """The mean difference; without an interval where losses do not vary, or there is one alone."""
    if loss.n < 2:
        mean = loss.total if loss.n else None
        return {"mean": mean, "low": None, "high": None, "p_value_at_every_look": None}
    result = paired.paired_sequence(
        loss.n, loss.total, loss.squares, tightest_at=TIGHTEST_AT, alpha=ALPHA
    )
    known = math.isfinite(result.interval.width)
    bounds = _bounds(result.interval) if known else {"low": None, "high": None}
    p_value = result.p_value if known else None
    return {"mean": result.effect, **bounds, "p_value_at_every_look": p_value}


def _bounds(interval: Interval) -> dict[str, float]:
    return {"low": interval.lower, "high": interval.upper}
