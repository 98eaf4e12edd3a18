"""What became of predictions, told afterwards: the truth, a reward, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["stored", "completed", "known"]
"""What became of feedback: it is new, or it adds to what was known of its prediction, or not."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody says of one prediction of an endpoint.

    `truth_json` is what was right, as JSON: one value per row of the request, or a list of one
    per target; higher rewards are better. `variants` are the versions that gave the prediction,
    as far as the client says.
    Without a `prediction_id` nobody can say later which prediction was meant.
    """

    endpoint: str
    prediction_id: str | None = None
    truth_json: str | None = None
    reward: float | None = None
    variants: tuple[str, ...] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """How much feedback there is for the same variants of an endpoint.

    `reward` is the mean of all `rewards`, None where there are none.
    """

    endpoint: str
    variants: tuple[str, ...]
    total: int
    truths: int
    rewards: int
    reward: float | None
