"""Recorded requests computed again by another version, and what it says otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.policy import Policy
from serve_app.core.ports import Clock
from serve_app.core.schema import Schema
from serve_app.engine.load import Loaded
from serve_app.errors import ClientError, ModelFailed
from serve_app.tasks import task_named

EXAMPLES = 10
_LENIENT = Policy(unknown="ignore", range="ignore", category="ignore")


class RecordedCall(NamedTuple):
    """One request as it was recorded: its features, and per row what was answered."""

    prediction_id: str
    features: Mapping[str, Sequence[Any]]
    values: Sequence[Any]
    probabilities: Sequence[Sequence[float] | None]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.values)


class Change(NamedTuple):
    """A row that is answered otherwise now."""

    prediction_id: str
    row: int
    recorded: Any
    computed: Any


@dataclass(frozen=True, slots=True)
class Replayed:
    """How the answers of a version differ from those that were recorded.

    Differences are of probabilities where both have them, else of numbers; None where neither is
    there. `refused` rows are those that the version takes no more. Times are of one call.
    """

    version: str
    calls: int
    rows: int
    refused: int
    changed: int
    mean_difference: float | None
    largest_difference: float | None
    p50_s: float | None
    p99_s: float | None
    examples: tuple[Change, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def share_equal(self) -> float | None:
        """The share of the compared rows that are answered as they were."""
        compared = self.rows - self.refused
        return 1 - self.changed / compared if compared else None

    @property
    def share_changed(self) -> float | None:
        """The share of all rows that are answered otherwise, or not any more."""
        return (self.changed + self.refused) / self.rows if self.rows else None


class _Differences:
    """What is counted while calls come."""

    def __init__(self, tolerance: float) -> None:
        self.changed = self.compared = 0
        self.total = self.largest = 0.0
        self.examples: list[Change] = []
        self._tolerance = tolerance

    def add(self, call: RecordedCall, prediction: Prediction) -> None:
        """Compare every row of a call."""
        values = prediction.values.tolist()
        shares = None if prediction.probabilities is None else prediction.probabilities.tolist()
        for row, (before, after) in enumerate(zip(call.values, values, strict=True)):
            if not _equal(before, after, self._tolerance):
                self.changed += 1
                if len(self.examples) < EXAMPLES:
                    self.examples.append(Change(call.prediction_id, row, before, after))
            recorded = call.probabilities[row]
            difference = (
                _difference(before, after)
                if shares is None or recorded is None
                else _difference(recorded, shares[row])
            )
            if difference is not None:
                self.compared += 1
                self.total += difference
                self.largest = max(self.largest, difference)


def replay(
    calls: Iterable[RecordedCall],
    version: Loaded,
    *,
    clock: Clock,
    prepare: Loaded | None = None,
    tolerance: float = 1e-9,
) -> Replayed:
    """Compute recorded requests with a version, one call for each, and compare the answers.

    `prepare` is the transformer that runs before. Numbers that differ by at most `tolerance`, as a
    part of the larger, are equal.
    """
    first = version if prepare is None else prepare
    schema = Schema(first.manifest.signature.inputs, _LENIENT)
    predict, transform = task_named("predict"), task_named("transform")
    differences, times_s = _Differences(tolerance), []
    count = rows = refused = 0
    reasons: dict[str, int] = {}
    for call in calls:
        count, rows = count + 1, rows + call.rows
        start_s = clock()
        try:
            columns: Columns = schema.validate(call.features, call.rows)[0]
            if prepare is not None:
                columns = prepare.model.ask(transform, columns)
            prediction: Prediction = version.model.ask(predict, columns)
        except (ClientError, ModelFailed) as error:
            refused += call.rows
            reasons[error.message] = reasons.get(error.message, 0) + call.rows
            continue
        times_s.append(clock() - start_s)
        differences.add(call, prediction)
    quantiles = np.quantile(times_s, [0.5, 0.99]).tolist() if times_s else (None, None)
    mean = differences.total / differences.compared if differences.compared else None
    return Replayed(
        version=version.manifest.reference,
        calls=count,
        rows=rows,
        refused=refused,
        changed=differences.changed,
        mean_difference=mean,
        largest_difference=differences.largest if differences.compared else None,
        p50_s=quantiles[0],
        p99_s=quantiles[1],
        examples=tuple(differences.examples),
        reasons=dict(sorted(reasons.items(), key=lambda pair: -pair[1])[:EXAMPLES]),
    )


def _equal(before: Any, after: Any, tolerance: float) -> bool:
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(
            _equal(one, other, tolerance) for one, other in zip(before, after, strict=True)
        )
    if _is_number(before) and _is_number(after):
        if math.isnan(before) or math.isnan(after):
            return math.isnan(before) and math.isnan(after)
        return bool(before == after or _near(before, after, tolerance))
    # A column that held labels of two types was written as text.
    return bool(before == after) or str(before) == str(after)


def _difference(before: Any, after: Any) -> float | None:
    """The largest difference of two numbers, or of two lists of them; none of anything else."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        inner = [_difference(one, other) for one, other in zip(before, after, strict=True)]
        known = [one for one in inner if one is not None]
        return max(known) if known else None
    if _is_number(before) and _is_number(after):
        difference = float(abs(before - after))
        return None if math.isnan(difference) else difference
    return None


def _near(before: float, after: float, tolerance: float) -> bool:
    return math.isclose(before, after, rel_tol=tolerance)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
