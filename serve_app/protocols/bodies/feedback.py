"""Feedback in our own words: `{"prediction_id": …, "truth": […], "reward": …, "variants": […]}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.signature import Output, Target
from serve_app.core.violations import told
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.bodies import json_body, several_targets
from serve_app.protocols.dialect import Reply

MAX_ID_CHARACTERS = 200
MAX_VARIANTS = 100
MAX_TRUTH_BYTES = 256 * 1024
MAX_REWARD = 1e12
"""So that sums of very many still are numbers."""


class Told(NamedTuple):
    """Feedback as it came; `endpoint` is whom the message itself names."""

    prediction_id: str | None = None
    truth_json: str | None = None
    reward: float | None = None
    variants: tuple[str, ...] = ()
    endpoint: str | None = None

    def of(self, endpoint: str, request_id: str) -> Feedback:
        """The same about an endpoint that there is."""
        return Feedback(
            endpoint, self.prediction_id, self.truth_json, self.reward, self.variants, request_id
        )


def decode(body: bytes) -> Told:
    """What a body says.

    Raises:
        BadEncoding: it is not JSON, or not of this shape.
        InvalidInput: it has neither a truth nor a reward.
        TooLarge: the truth is very long.
    """
    document = json_body.parse(body)
    found = Told(
        identity(document, "prediction_id"),
        truth_json(document.get("truth")),
        reward(document),
        _variants(document),
    )
    if found.truth_json is None and found.reward is None:
        raise InvalidInput("feedback must have a 'truth' or a 'reward'")
    return found


def encode(feedback: Feedback, outcome: Outcome) -> Reply:
    """What became of it."""
    said = {
        "endpoint": feedback.endpoint,
        "prediction_id": feedback.prediction_id,
        "outcome": outcome,
        "request_id": feedback.request_id,
    }
    return Reply(json_body.dump(said))


def truth_json(truth: Any) -> str | None:
    """A truth as JSON, none for null; NaN and infinities in it become null.

    Raises:
        BadEncoding: it is nested too deeply.
        TooLarge: it is longer than the limit.
    """
    if truth is None:
        return None
    try:
        written = json_body.dump(truth)
    except TypeError as error:
        raise BadEncoding("'truth' is nested too deeply", key="truth") from error
    if len(written) > MAX_TRUTH_BYTES:
        msg = f"'truth' has {len(written)} bytes, above the limit of {MAX_TRUTH_BYTES}"
        raise TooLarge(msg, max_bytes=MAX_TRUTH_BYTES)
    return written.decode()


def check_truth(truth_json: str | None, output: Output) -> None:
    """Return when a truth has a value per row for each of several targets; null is not known.

    Raises:
        InvalidInput: it is of another shape, or holds something else than yes or no.
    """
    if truth_json is None:
        return
    names = several_targets.names(output)
    truth = orjson.loads(truth_json)
    for place, row in enumerate(truth if isinstance(truth, list) else [truth]):
        if not isinstance(truth, list) or not isinstance(row, list) or len(row) != len(names):
            msg = (
                f"'truth' must have a list of {len(names)} values for each row, one for each of "
                f"{several_targets.shown(names)}; got {told(row)}"
            )
            raise InvalidInput(msg, key="truth", row=place, targets=names)
        for target, value in zip(output.targets, row, strict=True):
            if isinstance(value, list | dict) or not _fits(value, target, output):
                msg = (
                    f"'truth', row {place}, target {target.name!r}: it must be one of "
                    f"{', '.join(map(told, target.labels))}, got {told(value)}"
                )
                raise InvalidInput(msg, key="truth", row=place, target=target.name)


def _fits(value: Any, target: Target, output: Output) -> bool:
    """Whether a value may be right; a class that training never saw may be."""
    if value is None or (output.kind == "multilabel" and value in target.labels):
        return True
    kinds = {isinstance(label, str) for label in target.labels}
    return output.kind == "multioutput" and isinstance(value, str) in kinds


def identity(document: Mapping[str, Any], key: str) -> str | None:
    """An optional id.

    Raises:
        BadEncoding: it is no text, or too long.
    """
    found = document.get(key)
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= MAX_ID_CHARACTERS:
        msg = f"{key!r} must be a text of 1 to {MAX_ID_CHARACTERS} characters, got {told(found)}"
        raise BadEncoding(msg, key=key)
    return found


def reward(document: Mapping[str, Any]) -> float | None:
    """An optional `reward`.

    Raises:
        BadEncoding: it is no number, or beyond the limit.
    """
    found = document.get("reward")
    if found is None:
        return None
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if not number or not abs(found) <= MAX_REWARD:
        msg = f"'reward' must be a number from {-MAX_REWARD:g} to {MAX_REWARD:g}, got {told(found)}"
        raise BadEncoding(msg, key="reward")
    return float(found)


def _variants(document: Mapping[str, Any]) -> tuple[str, ...]:
    found = document.get("variants")
    found = [] if found is None else found
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadEncoding(f"'variants' must be a list of versions, got {told(found)}")
    return checked_variants(found)


def checked_variants(found: list[str]) -> tuple[str, ...]:
    """The versions that gave a prediction, in order.

    Raises:
        BadEncoding: they are very many, or very long.
    """
    if len(found) > MAX_VARIANTS or any(len(one) > MAX_ID_CHARACTERS for one in found):
        msg = f"at most {MAX_VARIANTS} variants of {MAX_ID_CHARACTERS} characters are taken"
        raise BadEncoding(msg)
    return tuple(sorted(set(found)))
