"""Reads the bodies of changes: what is missing or wrong is said by its name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from serve_app.errors import BadEncoding, InvalidInput
from serve_app.gateway.admin.actions import AliasChange, Change

_LONGEST = 500
_UNKNOWN = "unknown"


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
        raise InvalidInput(f"{name!r} must be the number of a version, got {str(value)[:40]!r}")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise InvalidInput(f"{name!r} must be text of at most {_LONGEST} characters")
    return value
