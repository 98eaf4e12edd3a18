"""What stands of a prediction after all that was received of it, whatever the order."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from serve_app.core.feedback import Feedback, Outcome

_OWN = "own:"
MAX_IDENTITY_CHARACTERS = 500
"""Longer ones are told apart by their digests: indexes of databases have a limit."""


@dataclass(frozen=True, slots=True)
class Value:
    """A truth or a reward, and the newest time (seconds since 1970) at which it was said."""

    value: Any
    at_s: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of one prediction; times are seconds since 1970.

    The newest truth and the newest reward stand. A key means the newest prediction up to
    `before_s`; `first_at_s` is when anything was known first.
    """

    truth: Value | None
    reward: Value | None
    before_s: float
    first_at_s: float
    variants: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an item, and what stands then."""

    outcome: Outcome
    standing: Standing


def identity(item: Feedback) -> str | None:
    """What all feedback about the same prediction has in common; none where it names none.

    One key may mean different predictions for different owners, whose feedback is kept apart.
    """
    own = ""
    if item.prediction_id is not None:
        row = "" if item.row is None else str(item.row)
        text = f"id:{row}:{item.prediction_id}"
    elif item.key is not None:
        text = f"key:{item.key}"
        own = "" if item.owner is None else f"{_OWN}{quote(item.owner, safe='')}:"
    else:
        return None
    if len(text) > MAX_IDENTITY_CHARACTERS:
        text = f"digest:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"
    return own + text.replace("\0", "␀")


def owner_in(identity: str | None) -> str | None:
    """Whose predictions the key of an identity means; none where it may mean anybody's."""
    if identity is None or not identity.startswith(_OWN):
        return None
    return unquote(identity.removeprefix(_OWN).partition(":")[0])


@lru_cache(maxsize=256)
def as_json(variants: tuple[str, ...]) -> str:
    """Variants as they are kept; most feedback is about the same ones."""
    return json.dumps(variants)


def time_of(item: Feedback, at_s: float) -> float:
    """When the item became known: nobody knows later than it is received."""
    return at_s if item.label_at_s is None else min(item.label_at_s, at_s)


def begun(item: Feedback, at_s: float) -> Standing:
    """What stands after the first item about a prediction."""
    time_s = time_of(item, at_s)
    return Standing(
        truth=None if item.truth_json is None else Value(item.truth_json, time_s),
        reward=None if item.reward is None else Value(item.reward, time_s),
        before_s=time_s,
        first_at_s=time_s,
        variants=as_json(item.variants),
        key=item.key,
    )


def added(standing: Standing, item: Feedback, at_s: float) -> Verdict:
    """What stands once another item is there too.

    Of the truth and of the reward the newest stands; of two from the same time, the one that was
    received later. Items that say when they became known may therefore come in any order.
    """
    time_s = time_of(item, at_s)
    truth, truth_change = _newest(standing.truth, item.truth_json, time_s)
    reward, reward_change = _newest(standing.reward, item.reward, time_s)
    outcome = _outcome({truth_change, reward_change})
    before_s = standing.before_s
    if outcome != "repeated" or item.label_at_s is not None:
        # Who only says again what is known, some time later, means no other prediction.
        before_s = max(before_s, time_s)
    return Verdict(
        outcome,
        Standing(
            truth,
            reward,
            before_s,
            min(standing.first_at_s, time_s),
            # The smaller text is the same in any order; "[]" is greater than all others.
            min(standing.variants, as_json(item.variants)),
            min((key for key in (standing.key, item.key) if key is not None), default=None),
        ),
    )


def same_truth(one: str | None, other: str | None) -> bool:
    """Whether two truths as JSON are equal; 1 and 1.0 are."""
    if one == other:
        return True
    return one is not None and other is not None and bool(json.loads(one) == json.loads(other))


def _newest(now: Value | None, value: Any, time_s: float) -> tuple[Value | None, str]:
    """What stands of a value that may be given, and how that comes."""
    if value is None:
        return now, ""
    if now is None:
        return Value(value, time_s), "new"
    same = same_truth(now.value, value) if isinstance(value, str) else now.value == value
    newer = time_s >= now.at_s
    if same:
        return (Value(value, time_s) if newer else now), "same"
    return (Value(value, time_s), "other") if newer else (now, "older")


def _outcome(changes: set[str]) -> Outcome:
    if "other" in changes:
        return "amended"
    if "new" in changes:
        return "completed"
    return "superseded" if "older" in changes else "repeated"
