"""What a challenger has to be, and whether it is: each gate with its value and its bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from serve_app.config.pipeline import GateSettings
    from serve_app.lifecycle.comparison import Paired
    from serve_app.models.training.metrics import Metric

Verdict = Literal["passed", "failed", "inconclusive"]
FEWEST_ROWS = 30
"""Of fewer rows held out a bound says nothing, however good the challenger looks there."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One check: what was seen, of how many rows, what was wanted, and the verdict."""

    name: str
    value: float | None
    threshold: float | None
    rows: int
    verdict: Verdict
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is stored and printed."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What gates judge: the hold-out's sizes, comparisons on it, and what the data looked like.

    `champion` is missing where there is none; `unseen` says whether it is known that the
    champion was not trained on the hold-out. `calibration` is the challenger's error, none where
    it gives no probabilities; `distance` is how far its answers are from the champion's.
    `newest_row_age_s` is how old the newest row was when the run began, none where rows have no
    time.
    """

    holdout_rows: int
    rarest_class_rows: int | None
    metric: Metric
    baseline: Paired
    champion: Paired | None
    unseen: bool | None
    slices: Sequence[Mapping[str, Any]]
    leaks: Sequence[str]
    shared_ids: int
    calibration: float | None = None
    distance: float | None = None
    newest_row_age_s: float | None = None


def judged(settings: GateSettings, evidence: Evidence) -> list[Gate]:
    """All gates that a pipeline names."""
    return [*_of_data(settings, evidence), *_of_models(settings, evidence)]


def all_passed(gates: Sequence[Gate]) -> bool:
    """Whether no gate failed or could not tell."""
    return all(gate.verdict == "passed" for gate in gates)


def _of_data(settings: GateSettings, evidence: Evidence) -> Iterator[Gate]:
    rows = evidence.holdout_rows
    if settings.min_rows is not None:
        yield _at_least("min_rows", rows, settings.min_rows, rows)
    rarest = evidence.rarest_class_rows
    if settings.min_class_rows is not None and rarest is not None:
        yield _at_least("min_class_rows", rarest, settings.min_class_rows, rows)
    if settings.fresh is not None:
        age_s = evidence.newest_row_age_s
        yield _at_most("fresh", age_s, settings.fresh, rows, "rows have no time")
    if settings.no_leak:
        count = len(evidence.leaks) + evidence.shared_ids
        listed = ", ".join(evidence.leaks)
        reason = f"{listed or 'no column'} tells the classes apart alone; {evidence.shared_ids} ids"
        reason += " are in training and in the hold-out"
        verdict: Verdict = "failed" if count else "passed"
        yield Gate("no_leak", float(count), 0.0, rows, verdict, reason if count else "")


def _of_models(settings: GateSettings, evidence: Evidence) -> Iterator[Gate]:
    rows = evidence.holdout_rows
    if settings.beats_baseline:
        bound = evidence.baseline.lower
        yield _bounded("beats_baseline", bound, 0.0, rows, is_good=bound > 0)
    if settings.champion is not None:
        yield _champion(settings, evidence)
    if settings.slices is not None:
        yield _slices(settings, evidence, settings.slices)
    if settings.calibration is not None:
        reason = "the model gives no probabilities"
        yield _at_most("calibration", evidence.calibration, settings.calibration, rows, reason)
    if settings.distance is not None:
        yield _distance(evidence, settings.distance)


def _champion(settings: GateSettings, evidence: Evidence) -> Gate:
    """Not worse than the champion, or better; on rows that neither was trained on."""
    name, rows, paired = "champion", evidence.holdout_rows, evidence.champion
    wanted = settings.champion
    if paired is None or wanted is None:
        return Gate(name, None, None, rows, "passed", "there is no champion yet")
    threshold = 0.0 if wanted.superior else -wanted.epsilon
    if not evidence.unseen:
        seen = "was trained on" if evidence.unseen is False else "may have been trained on"
        reason = f"the champion {seen} rows of the hold-out, so that it looks better than it is"
        return Gate(name, paired.lower, threshold, rows, "inconclusive", reason)
    good = paired.lower > 0 if wanted.superior else paired.lower >= threshold and paired.gain >= 0
    return _bounded(name, paired.lower, threshold, rows, is_good=good)


def _bounded(name: str, bound: float, threshold: float, rows: int, *, is_good: bool) -> Gate:
    """A gate of a bound on a gain, which is no evidence where too few rows are held out."""
    if rows < FEWEST_ROWS:
        reason = f"{rows} rows are held out, and {FEWEST_ROWS} are needed to tell; hold out more"
        return Gate(name, bound, threshold, rows, "inconclusive", reason)
    return Gate(name, bound, threshold, rows, "passed" if is_good else "failed")


def _slices(settings: GateSettings, evidence: Evidence, most: float) -> Gate:
    """The slice of enough rows that lost most against the champion."""
    worst, where, counted = 0.0, "", 0
    for one in evidence.slices:
        ours, theirs = one.get("challenger"), one.get("champion")
        if ours is None or theirs is None or one["rows"] < settings.slice_rows:
            continue
        counted += 1
        gain = evidence.metric.gain(ours, theirs)
        if gain < worst:
            worst, where = gain, f"{one['column']} = {one['slice']} ({one['rows']} rows)"
    reason = where if counted else "no slice has enough rows, or there is no champion"
    verdict: Verdict = "failed" if worst < -most else "passed"
    return Gate("slices", worst, -most, evidence.holdout_rows, verdict, reason)


def _distance(evidence: Evidence, most: float) -> Gate:
    """How far answers are from the champion's: a model that says all else anew is looked at."""
    name, rows = "distance", evidence.holdout_rows
    if evidence.champion is None:
        return Gate(name, None, most, rows, "passed", "there is no champion yet")
    reason = "the champion's answers cannot be compared"
    return _at_most(name, evidence.distance, most, rows, reason)


def _at_most(name: str, value: float | None, most: float, rows: int, unknown: str) -> Gate:
    """A gate of what has to be small; where nobody knows the value, it is inconclusive."""
    if value is None:
        return Gate(name, None, most, rows, "inconclusive", unknown)
    return Gate(name, value, most, rows, "passed" if value <= most else "failed")


def _at_least(name: str, value: int, threshold: int, rows: int) -> Gate:
    verdict: Verdict = "passed" if value >= threshold else "failed"
    return Gate(name, float(value), float(threshold), rows, verdict)
