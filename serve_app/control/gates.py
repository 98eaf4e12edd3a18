"""Whether a candidate is worse than the stable version, judged so that every look may count.

Each gate of each step has its own part of one alpha, so that a candidate that is no worse is
rolled back by chance with that probability at most, in the whole rollout, however often it is
looked at. Shares are judged from the first request on by a bound that needs no approximation, and
by the much narrower asymptotic sequence once there is enough for it; see `serve_app.experiments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from serve_app.core.arms import ArmCounts
from serve_app.experiments.arguments import Alternative
from serve_app.experiments.confidence_sequence import (
    always_valid_test,
    mean_sequence,
    past_burn_in,
)
from serve_app.experiments.effect import difference
from serve_app.experiments.estimate import Estimate, proportion_estimate, unadjusted

TIGHTEST_AT = 10_000
"""Requests of both versions at which the sequences are narrowest: of the settings that were
simulated (`make simulate`) the one that rolls back fewer than 1 % of healthy candidates."""
EARLY_TIGHTEST_AT = 100
_LARGEST_VARIANCE = 0.25
"""No share varies more; with it the sequence holds from the first request on (Hoeffding 1963)."""
EARLY_SHARE = 0.1
"""The part of a gate's alpha that may be used before the burn-in is over."""
NOTHING = ArmCounts()
_ABOVE: Alternative = "greater"
_BELOW: Alternative = "less"
Verdict = Literal["lost", "not lost", "no data"]
_GREATER_IS_BETTER = frozenset({"accuracy", "reward"})


@dataclass(frozen=True, slots=True)
class MetricMean:
    """The mean of a metric of labelled rows: how many there are, and the variance of the mean."""

    rows: int
    value: float
    variance: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of both versions since a step began; `quality` by metric."""

    stable: ArmCounts = NOTHING
    candidate: ArmCounts = NOTHING
    quality: Mapping[str, tuple[MetricMean | None, MetricMean | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate says: by how much the candidate is worse, at least, and by how much it may be.

    `worse_by` is the difference as it is seen (above 0 where the candidate is worse), `at_least`
    the bound that holds at every look with the gate's part of alpha.
    """

    gate: str
    verdict: Verdict
    margin: float
    worse_by: float | None = None
    at_least: float | None = None
    rows: tuple[int, int] = (0, 0)

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "gate": self.gate,
            "verdict": self.verdict,
            "margin": self.margin,
            "worse_by": self.worse_by,
            "at_least": self.at_least,
            "stable_rows": self.rows[0],
            "candidate_rows": self.rows[1],
        }

    def words(self) -> str:
        """What it says, for people."""
        if self.worse_by is None or self.at_least is None:
            return f"{self.gate}: too few rows yet"
        return (
            f"{self.gate}: the candidate is worse by {self.worse_by:.4g}, at least by "
            f"{self.at_least:.4g} (it may be by {self.margin:g})"
        )


def judged(settings: Mapping[str, Any], steps: int, evidence: Evidence) -> tuple[GateResult, ...]:
    """What each gate of a canary's settings says; `steps` share its alpha with them.

    Raises:
        InvalidInput: what was counted does not fit together.
    """
    gates = settings["gates"]
    quality = gates.get("quality") or ()
    number = sum(gates.get(name) is not None for name in ("errors", "latency")) + len(quality)
    alpha = settings["alpha"] / (steps * max(1, number))
    stable, candidate = evidence.stable, evidence.candidate
    results: list[GateResult] = []
    if gates.get("errors") is not None:
        pair = (stable.errors, stable.requests), (candidate.errors, candidate.requests)
        results.append(_of_shares("errors", *pair, gates["errors"]["margin"], alpha))
    if gates.get("latency") is not None:
        pair = (stable.slow, stable.requests), (candidate.slow, candidate.requests)
        name = f"requests above {gates['latency']['above_ms']:g} ms"
        results.append(_of_shares(name, *pair, gates["latency"]["margin"], alpha))
    for gate in quality:
        pair_of = evidence.quality.get(gate["metric"], (None, None))
        of_metric = _of_accuracy if gate["metric"] == "accuracy" else _of_means
        results.append(of_metric(gate["metric"], *pair_of, gate["margin"], alpha))
    return tuple(results)


def _of_shares(
    gate: str, stable: tuple[int, int], candidate: tuple[int, int], margin: float, alpha: float
) -> GateResult:
    """Whether the candidate's share of something unwanted is larger by more than a margin."""
    rows = stable[1], candidate[1]
    if not all(rows):
        return GateResult(gate, "no data", margin, rows=rows)
    if past_burn_in(rows, (stable[0], candidate[0])):
        arms = proportion_estimate(*stable), proportion_estimate(*candidate)
        at_least = _bound(*arms, alpha * (1 - EARLY_SHARE))
    else:
        at_least = _early_bound(stable, candidate, alpha * EARLY_SHARE)
    verdict: Verdict = "lost" if at_least > margin else "not lost"
    worse_by = candidate[0] / candidate[1] - stable[0] / stable[1]
    return GateResult(gate, verdict, margin, worse_by, at_least, rows)


def _early_bound(stable: tuple[int, int], candidate: tuple[int, int], alpha: float) -> float:
    """What the candidate's share exceeds the stable one's by, at least: each on its own."""
    bounds = [
        mean_sequence(
            unadjusted(rows, happened / rows, _LARGEST_VARIANCE),
            tightest_at=EARLY_TIGHTEST_AT,
            alpha=alpha / 2,
            side=side,
        )
        for (happened, rows), side in ((stable, _BELOW), (candidate, _ABOVE))
    ]
    return max(bounds[1].lower, 0.0) - min(bounds[0].upper, 1.0)


def _of_accuracy(
    metric: str,
    stable: MetricMean | None,
    candidate: MetricMean | None,
    margin: float,
    alpha: float,
) -> GateResult:
    """Whether the candidate's share of wrong answers is larger by more than a margin."""
    wrong = [
        (round(one.rows * (1 - one.value)), one.rows) if one else (0, 0)
        for one in (stable, candidate)
    ]
    return _of_shares(metric, wrong[0], wrong[1], margin, alpha)


def _of_means(
    metric: str,
    stable: MetricMean | None,
    candidate: MetricMean | None,
    margin: float,
    alpha: float,
) -> GateResult:
    """Whether the candidate's metric is worse by more than a margin."""
    rows = stable.rows if stable else 0, candidate.rows if candidate else 0
    if stable is None or candidate is None or not past_burn_in(rows):
        return GateResult(metric, "no data", margin, rows=rows)
    sign = -1.0 if metric in _GREATER_IS_BETTER else 1.0
    first, second = (
        unadjusted(one.rows, sign * one.value, one.variance * one.rows)
        for one in (stable, candidate)
    )
    worse_by = second.value - first.value
    at_least = _bound(first, second, alpha)
    verdict: Verdict = "lost" if at_least > margin else "not lost"
    return GateResult(metric, verdict, margin, worse_by, at_least, rows)


def _bound(stable: Estimate, candidate: Estimate, alpha: float) -> float:
    """What the candidate's mean exceeds the stable one's by, at least, at every look."""
    if stable.variance == candidate.variance == 0:
        # Every row of each had the same value, and there are enough of them.
        return candidate.value - stable.value
    test = always_valid_test(
        difference(stable, candidate), tightest_at=TIGHTEST_AT, side="greater", alpha=alpha
    )
    return test.interval.lower
