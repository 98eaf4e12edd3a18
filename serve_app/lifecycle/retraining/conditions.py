"""When what is watched is a reason to train again: pure, of what others measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from serve_app.config.retraining import EstimateTrigger, QualityTrigger
from serve_app.lifecycle.retraining.trigger import Trigger


@dataclass(frozen=True, slots=True)
class QualityWindow:
    """Realised quality of a stretch of time that ended at `end_s`, with its 95 % bounds.

    It is `mature` once nearly all labels have come that ever will.
    """

    metric: str
    end_s: float
    value: float
    lower: float
    upper: float
    rows: int
    mature: bool


@dataclass(frozen=True, slots=True)
class EstimateWindow:
    """Quality of a stretch of time, as it is estimated without labels."""

    metric: str
    end_s: float
    value: float


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """Drift that a detector has confirmed, which stands since a window that ended at `end_s`."""

    detector: str
    end_s: float
    words: str


def of_quality(
    model: str, settings: QualityTrigger, windows: Iterable[QualityWindow], now_s: float
) -> Trigger | None:
    """Whether quality is certainly below the floor in the newest window whose labels are in."""
    matured = [
        one
        for one in windows
        if one.mature and one.metric == settings.metric and one.rows >= settings.minimum_rows
    ]
    if not matured:
        return None
    newest = max(matured, key=lambda one: one.end_s)
    if settings.greater_is_better:
        bound, below = newest.upper, newest.upper < settings.floor
    else:
        bound, below = newest.lower, newest.lower > settings.floor
    if not below:
        return None
    side = "below" if settings.greater_is_better else "above"
    reason = f"{newest.metric} is {side} {settings.floor:g}: its bound is {bound:.4g}"
    key = f"quality:{newest.metric}:{newest.end_s:.0f}"
    return Trigger(model, "quality", reason, key, now_s, evidence=asdict(newest))


def of_estimate(
    model: str, settings: EstimateTrigger, windows: Sequence[EstimateWindow], now_s: float
) -> Trigger | None:
    """Whether the estimate is low in enough of the newest windows, the newest among them."""
    known = [one for one in windows if one.metric == settings.metric]
    newest = sorted(known, key=lambda one: one.end_s)[-settings.of :]
    low = [one for one in newest if _is_low(one.value, settings)]
    if len(low) < settings.windows or low[-1] is not newest[-1]:
        return None
    last = low[-1]
    reason = (
        f"estimated {last.metric} missed {settings.floor:g} in {len(low)} of {len(newest)} windows"
    )
    key = f"estimate:{last.metric}:{last.end_s:.0f}"
    evidence = {"windows": [asdict(one) for one in newest]}
    return Trigger(model, "estimate", reason, key, now_s, evidence=evidence)


def _is_low(value: float, settings: EstimateTrigger) -> bool:
    return value < settings.floor if settings.greater_is_better else value > settings.floor


def of_drift(
    model: str, findings: Iterable[DriftFinding], now_s: float, *, trains: bool
) -> list[Trigger]:
    """One trigger for each drift that is confirmed; it is only recorded unless it `trains`."""
    return [
        Trigger(
            model, "drift", one.words, f"drift:{one.detector}:{one.end_s:.0f}", now_s,
            evidence=asdict(one), trains=trains,
        )
        for one in findings
    ]  # fmt: skip


def of_labels(
    model: str, enough: int, champion: int | None, count: int, now_s: float
) -> Trigger | None:
    """Whether so many rows have labels that the champion's run could not know.

    `count` are rows that were labelled since, each counted once whatever became of its label.
    """
    if count < enough:
        return None
    reason = f"{count} rows have new labels ({enough} are enough)"
    key = f"labels:{champion or 'none'}:{count // enough}"
    return Trigger(model, "labels", reason, key, now_s, evidence={"rows": count})
