"""Predictions and what was true of them, brought together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PredictedRow:
    """One row of a request as it was answered, at `at_s` seconds since 1970.

    `assignment` says how an experiment chose who answers (algorithm, salt, bucket), `segments`
    are values of the few columns by which results are told apart, `subject` is the pseudonym of
    whom it is about. Values are those of JSON.
    """

    prediction_id: str
    row: int
    at_s: float
    variants: tuple[str, ...]
    value: Any
    probabilities: tuple[float, ...] | None = None
    key: str | None = None
    propensity: float | None = None
    assignment: Mapping[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    segments: Mapping[str, Any] = field(default_factory=dict)
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class PendingFeedback:
    """Feedback whose prediction is not known yet; times are seconds since 1970.

    `revision` grows with every change, so that nobody matches what changed meanwhile. By a key,
    the newest prediction up to `before_s` is meant, of those that were given to the `owner` where
    there is one; `first_at_s` is when it first was known.
    """

    number: int
    revision: int
    prediction_id: str | None
    key: str | None
    row: int | None
    truth_json: str | None
    reward: float | None
    before_s: float
    first_at_s: float
    received_at_s: float
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Feedback and the rows that it is about; `late` where it came after the horizon."""

    feedback: PendingFeedback
    rows: tuple[PredictedRow, ...]
    late: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """Feedback whose prediction is not there: to be looked for again at `again_at_s`, or never.

    `why` says so to people.
    """

    feedback: PendingFeedback
    again_at_s: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row of a request with what was true of it; the truth is a value of JSON.

    `delay_s` is how long after the prediction something was first known of it.
    """

    prediction: PredictedRow
    truth: Any
    reward: float | None
    delay_s: float
    late: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the predicted rows of some variants are labelled, and how late.

    `coverage` is None where nothing was predicted, the delays (in seconds) where no label is.
    """

    variants: tuple[str, ...]
    predicted: int
    labelled: int
    late: int
    coverage: float | None
    delay_median_s: float | None
    delay_p90_s: float | None


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """Label coverage of an endpoint by variants, for predictions of some time.

    `counts` are about all feedback of the endpoint, whatever it is about: how often it was
    `stored`, `completed`, `amended`, `repeated`, `superseded`, how much is `pending`, `matched`,
    `unmatched` and `late`, and how much was `forgotten` to stay within the bounds.
    """

    endpoint: str
    since_s: float
    until_s: float
    by_variants: tuple[Coverage, ...]
    counts: Mapping[str, int]
