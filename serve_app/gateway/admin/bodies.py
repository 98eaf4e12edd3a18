"""Reads the bodies of changes: what is missing or wrong is said by its name."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any, cast, get_args

import orjson

from serve_app.errors import BadEncoding, InvalidInput
from serve_app.gateway.admin.actions import (
    IN_EFFECT_WITHIN_S,
    AliasChange,
    Change,
    ExperimentAction,
    NewEndpoint,
    Placement,
    RolloutAction,
)

_LONGEST = 500
_LONGEST_WITHIN_S = 3600.0
_UNKNOWN = "unknown"
_PLACEMENTS: dict[str, Placement] = {"inline": "inline", "replicas": "replicas"}


def members(body: bytes, known: frozenset[str]) -> dict[str, Any]:
    """The members of a JSON object, all of them known.

    Raises:
        BadEncoding: it is no JSON object.
        InvalidInput: a member is not known; names those that are.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadEncoding(f"the body is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadEncoding("the body must be a JSON object")
    stranger = next((name for name in document if name not in known), None)
    if stranger is not None:
        raise InvalidInput(f"{stranger[:80]!r} is unknown here; known: {', '.join(sorted(known))}")
    return document


def change(document: Mapping[str, Any]) -> Change:
    """Who changes something, and why.

    Raises:
        InvalidInput: one of them is no text, or a very long one.
    """
    return Change(_text(document, "by") or _UNKNOWN, _text(document, "reason"))


def weights(document: Mapping[str, Any]) -> dict[str, float]:
    """The weights by version.

    Raises:
        InvalidInput: there are none, or one is no number.
    """
    given = document.get("weights")
    if not isinstance(given, dict) or not given:
        raise InvalidInput(
            "'weights' must be an object of weights by version, such as "
            '{"diagnosis-xgb@1": 90, "diagnosis-linear@1": 10}'
        )
    for version, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise InvalidInput(f"the weight of {version[:80]!r} must be a number")
        if not math.isfinite(weight):
            raise InvalidInput(f"the weight of {version[:80]!r} must be finite")
    return {version: float(weight) for version, weight in given.items()}


def rollout_action(document: Mapping[str, Any]) -> RolloutAction:
    """What is to be done with a rollout.

    Raises:
        InvalidInput: it is none of what can be done.
    """
    return cast("RolloutAction", _action(document, get_args(RolloutAction)))


def experiment_action(document: Mapping[str, Any]) -> ExperimentAction:
    """What is to be done with an experiment.

    Raises:
        InvalidInput: it is none of what can be done.
    """
    return cast("ExperimentAction", _action(document, get_args(ExperimentAction)))


def _action(document: Mapping[str, Any], known: tuple[str, ...]) -> str:
    given = document.get("action")
    if given not in known:
        listed = ", ".join(known)
        raise InvalidInput(f"'action' must be one of {listed}; got {str(given)[:80]!r}")
    return str(given)


def name(document: Mapping[str, Any]) -> str:
    """The name of an endpoint that is to come.

    Raises:
        InvalidInput: there is none.
    """
    given = _text(document, "name")
    if not given:
        raise InvalidInput("'name' must be the name of the endpoint")
    return given


def receiver(document: Mapping[str, Any]) -> str | None:
    """The name of a receiver of alerts, None for all of them.

    Raises:
        InvalidInput: it is neither.
    """
    if "receiver" not in document:
        raise InvalidInput("'receiver' must be the name of a receiver of alerts, or null for all")
    if document["receiver"] is None:
        return None
    given = _text(document, "receiver")
    if not given:
        raise InvalidInput("'receiver' must be the name of a receiver of alerts, or null for all")
    return given


def new_endpoint(document: Mapping[str, Any], *, replace: bool) -> NewEndpoint:
    """An endpoint that is to come; with `replace` in place of the one of its name.

    Raises:
        InvalidInput: it names no model, or a member is of another kind; says which.
    """
    model = _text(document, "model")
    if not model:
        raise InvalidInput("'model' must name what answers, such as \"diagnosis-xgb@1\"")
    placement = document.get("placement", "inline")
    if placement not in _PLACEMENTS:
        raise InvalidInput(f"'placement' must be inline or replicas, got {_short(placement)}")
    allow_pickle = document.get("allow_pickle", False)
    if not isinstance(allow_pickle, bool):
        raise InvalidInput(f"'allow_pickle' must be true or false, got {_short(allow_pickle)}")
    return NewEndpoint(
        model,
        _PLACEMENTS[placement],
        preprocess=_text(document, "preprocess") or None,
        fallback=_text(document, "fallback") or None,
        timeout_s=_seconds(document, "timeout_s"),
        allow_pickle=allow_pickle,
        replace=replace,
    )


def within_s(document: Mapping[str, Any]) -> float:
    """Within how many seconds a change must be in effect.

    Raises:
        InvalidInput: it is no number, or none of at most an hour.
    """
    given = _seconds(document, "within_s")
    if given is not None and given > _LONGEST_WITHIN_S:
        raise InvalidInput(f"'within_s' must be at most {_LONGEST_WITHIN_S:g}, got {given:g}")
    return IN_EFFECT_WITHIN_S if given is None else given


def alias_change(document: Mapping[str, Any]) -> AliasChange:
    """Where an alias is to be moved.

    Raises:
        InvalidInput: there is no version, or one that is no number.
    """
    if "version" not in document:
        raise InvalidInput("'version' must be the number of a version")
    version = _number(document, "version")
    if version is None:
        raise InvalidInput("'version' must be the number of a version; DELETE removes an alias")
    return AliasChange(version, "expected" in document, _number(document, "expected"))


def alias_removal(document: Mapping[str, Any]) -> AliasChange:
    """From where an alias is to be removed.

    Raises:
        InvalidInput: what is expected is no number.
    """
    return AliasChange(None, "expected" in document, _number(document, "expected"))


def _number(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidInput(f"{name!r} must be the number of a version, got {_short(value)}")
    return value


def _seconds(document: Mapping[str, Any], name: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InvalidInput(f"{name!r} must be a number of seconds above 0, got {_short(value)}")
    return float(value)


def _short(value: Any) -> str:
    return repr(str(value)[:40])


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise InvalidInput(f"{name!r} must be text of at most {_LONGEST} characters")
    return printable(name, value)


def printable(name: str, text: str) -> str:
    """The same text: databases keep no NUL, and terminals obey control characters.

    Raises:
        InvalidInput: it has one, other than the ends of lines and tabs.
    """
    if any(unicodedata.category(one) == "Cc" and one not in "\n\r\t" for one in text):
        raise InvalidInput(f"{name!r} must be text with no control characters")
    return text
