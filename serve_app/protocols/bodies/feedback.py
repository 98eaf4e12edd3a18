"""Feedback in our own words: `{"prediction_id" or "key", "truth", "reward", "variants", …}`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.signature import Output, Target
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.bodies import json_body, several_targets
from serve_app.protocols.dialect import Reply

MAX_ID_CHARACTERS = 200
MAX_VARIANTS = 100
MAX_TRUTH_BYTES = 256 * 1024
MAX_REWARD = 1e12
"""So that sums of very many still are numbers."""
MAX_ROW = 2**31 - 1
MAX_KEY = 2**63 - 1
"""A key may be an integer of JSON, which readers know to 64 bits."""
MAX_AT_S = 253_402_300_799
"""The end of the year 9999."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ReceivedFeedback(NamedTuple):
    """Feedback as it came; `endpoint` is whom the message itself names.

    A `cell` of CSV is a truth of which only the endpoint knows whether it is a word or a number.
    """

    prediction_id: str | None = None
    truth_json: str | None = None
    reward: float | None = None
    variants: tuple[str, ...] = ()
    endpoint: str | None = None
    key: str | None = None
    row: int | None = None
    label_at_s: float | None = None
    cell: str | None = None

    def of(self, endpoint: str, request_id: str) -> Feedback:
        """The same about an endpoint that there is."""
        return Feedback(
            endpoint,
            self.prediction_id,
            self.truth_json,
            self.reward,
            self.variants,
            request_id,
            self.key,
            self.row,
            self.label_at_s,
        )


def read(document: Mapping[str, Any]) -> ReceivedFeedback:
    """What one object says.

    Raises:
        BadEncoding: something in it is not of the kind that it must be.
        InvalidInput: it has neither a truth nor a reward, or a row of nothing.
        TooLarge: the truth is very long.
    """
    received = ReceivedFeedback(
        identity(document, "prediction_id"),
        truth_json(document.get("truth")),
        reward(document),
        _variants(document),
        key=_key(document),
        row=_row(document),
        label_at_s=_label_at_s(document),
    )
    if received.truth_json is None and received.reward is None:
        raise InvalidInput("feedback must have a 'truth' or a 'reward'")
    if received.row is not None and received.prediction_id is None:
        msg = "'row' counts the rows of a 'prediction_id'; a 'key' names one row by itself"
        raise InvalidInput(msg, key="row")
    return received


def encode(feedback: Feedback, outcome: Outcome) -> Reply:
    """What became of it."""
    document = {
        "endpoint": feedback.endpoint,
        "prediction_id": feedback.prediction_id,
        "outcome": outcome,
        "request_id": feedback.request_id,
    }
    if feedback.key is not None:
        document["key"] = feedback.key
    return Reply(json_body.dump(document))


def truth_json(truth: Any) -> str | None:
    """A truth as JSON, none for null; NaN and infinities in it become null.

    Raises:
        BadEncoding: it is nested too deeply.
        TooLarge: it is longer than the limit.
    """
    if truth is None:
        return None
    if isinstance(truth, float) and not math.isfinite(truth):
        raise BadEncoding(f"'truth' must be a value, got {value_text(truth)}", key="truth")
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
                f"{several_targets.shown(names)}; got {value_text(row)}"
            )
            raise InvalidInput(msg, key="truth", row=place, targets=names)
        for target, value in zip(output.targets, row, strict=True):
            if isinstance(value, list | dict) or not _fits(value, target, output):
                msg = (
                    f"'truth', row {place}, target {target.name!r}: it must be one of "
                    f"{', '.join(map(value_text, target.labels))}, got {value_text(value)}"
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
        BadEncoding: it is no text, too long, or has characters that nobody can see.
    """
    value = document.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARACTERS:
        msg = (
            f"{key!r} must be a text of 1 to {MAX_ID_CHARACTERS} characters, "
            f"got {value_text(value)}"
        )
        raise BadEncoding(msg, key=key)
    if _CONTROL.search(value):
        msg = f"{key!r} must have no control characters, got {value_text(value)}"
        raise BadEncoding(msg, key=key)
    return value


def _key(document: Mapping[str, Any]) -> str | None:
    """The value of a key column as text; an integer is the text of its digits."""
    value = _whole(document.get("key"))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_KEY:
        return str(value)
    return identity(document, "key")


def _row(document: Mapping[str, Any]) -> int | None:
    value = _whole(document.get("row"))
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_ROW:
        msg = f"'row' must be an integer from 0 to {MAX_ROW}, got {value_text(value)}"
        raise BadEncoding(msg, key="row")
    return value


def _whole(value: Any) -> Any:
    """An integer where a number is one: to JSON, 3.0 is 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _label_at_s(document: Mapping[str, Any]) -> float | None:
    value = document.get("label_at_s")
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= MAX_AT_S:
        msg = (
            f"'label_at_s' must be seconds since 1970 (not milliseconds), from 0 to {MAX_AT_S}, "
            f"got {value_text(value)}"
        )
        raise BadEncoding(msg, key="label_at_s")
    return float(value)


def reward(document: Mapping[str, Any]) -> float | None:
    """An optional `reward`.

    Raises:
        BadEncoding: it is no number, or beyond the limit.
    """
    value = document.get("reward")
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= MAX_REWARD:
        msg = (
            f"'reward' must be a number from {-MAX_REWARD:g} to {MAX_REWARD:g}, "
            f"got {value_text(value)}"
        )
        raise BadEncoding(msg, key="reward")
    return float(value)


def _variants(document: Mapping[str, Any]) -> tuple[str, ...]:
    value = document.get("variants")
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadEncoding(f"'variants' must be a list of versions, got {value_text(value)}")
    return checked_variants(value)


def checked_variants(variants: list[str]) -> tuple[str, ...]:
    """The versions that gave a prediction, in order.

    Raises:
        BadEncoding: they are very many, or very long.
    """
    if len(variants) > MAX_VARIANTS or any(len(one) > MAX_ID_CHARACTERS for one in variants):
        msg = f"at most {MAX_VARIANTS} variants of {MAX_ID_CHARACTERS} characters are taken"
        raise BadEncoding(msg)
    return tuple(sorted(set(variants)))
