"""What became of predictions, sent afterwards: the truth, a reward, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["stored", "completed", "amended", "repeated", "superseded"]
"""What became of feedback: it is new; it adds to what was known of its prediction; it takes the
place of another value; it says what is known already; or a newer value stands in its place."""

State = Literal["pending", "matched", "unmatched"]
"""Whether the prediction that feedback is about is still looked for, is known, or is given up."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody says of one prediction of an endpoint.

    It names the prediction by `prediction_id`, or by `key`, the value of the endpoint's key
    column as text; where both are there, the id counts. A key may stand for several predictions:
    the newest before `label_at_s` (seconds since 1970, when the truth became known), or else
    before the feedback was received, is meant. Without either nobody can say later which
    prediction was meant.

    `truth_json` is what was right, as JSON: one value per row of the request, or a list of one
    per target; of a single `row` of the request, or of a key, the one value or a list of it.
    Higher rewards are better. `variants` are the versions that gave the prediction, as far as the
    client says. Where there is an `owner`, a key means predictions alone that were given to it.
    """

    endpoint: str
    prediction_id: str | None = None
    truth_json: str | None = None
    reward: float | None = None
    variants: tuple[str, ...] = ()
    request_id: str = ""
    key: str | None = None
    row: int | None = None
    label_at_s: float | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """How much feedback there is for the same variants of an endpoint.

    `reward` is the mean of all `rewards`, None where there are none. Of the `total`, so many are
    `pending`, `matched` and `unmatched`.
    """

    endpoint: str
    variants: tuple[str, ...]
    total: int
    truths: int
    rewards: int
    reward: float | None
    pending: int = 0
    matched: int = 0
    unmatched: int = 0
