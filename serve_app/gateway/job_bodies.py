"""Reads what a job is to be: what is missing or wrong is said by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from serve_app.batch.job import Format, JobOptions, OnError
from serve_app.engine.batch.desk import JobOrder
from serve_app.errors import InvalidInput
from serve_app.gateway.admin.bodies import members

KNOWN = frozenset({"model", "endpoint", "input", "output", "options", "preprocess"})
VersionOf = Callable[[str], tuple[str, str | None]]
"""The version that answers for an endpoint, and the transformer before it; raises ServeErrors."""
_TEXTS = {"format": get_args(Format), "on_error": get_args(OnError)}
_COUNTS = frozenset({"max_bad_rows", "shard_rows", "batch_rows"})
_COLUMNS = frozenset({"ids", "passthrough"})
_OPTIONS = frozenset({*_TEXTS, *_COUNTS, *_COLUMNS, "max_bad_ratio", "redact"})
_LONGEST = 4_096
_LONGEST_KEY = 200
_MOST_COUNT = 10_000_000
_MOST_LISTED = 1_000


def order_of(body: bytes, headers: Mapping[str, str], version_of: VersionOf) -> JobOrder:
    """The job that a request submits; of an endpoint it is one of the version that answers now.

    Raises:
        BadEncoding: the body is no JSON object.
        InvalidInput: a member is missing, unknown, or of another kind; says which.
    """
    document = members(body, KNOWN)
    given = document.get("input")
    inputs = (given,) if isinstance(given, str) else tuple(_texts(document, "input"))
    model, preprocess = _model(document, version_of)
    return JobOrder(
        model=model,
        inputs=inputs,
        output=_text(document, "output"),
        options=_options(document.get("options") or {}),
        preprocess=preprocess,
        idempotency_key=_key(headers),
    )


def _model(document: Mapping[str, Any], version_of: VersionOf) -> tuple[str, str | None]:
    """The version that answers, and the transformer that runs before."""
    if document.get("endpoint") is None:
        before = document.get("preprocess")
        preprocess = None if before is None else _text(document, "preprocess")
        return _text(document, "model"), preprocess
    for other in ("model", "preprocess"):
        if document.get(other) is not None:
            raise InvalidInput(f"give 'endpoint' or {other!r}, not both: the endpoint says it")
    return version_of(_text(document, "endpoint"))


def _options(given: Any) -> JobOptions:
    if not isinstance(given, dict):
        raise InvalidInput("'options' must be an object")
    stranger = next((name for name in given if name not in _OPTIONS), None)
    if stranger is not None:
        listed = ", ".join(sorted(_OPTIONS))
        raise InvalidInput(f"{stranger[:80]!r} is no option of a job; known: {listed}")
    return JobOptions(**{name: _option(given, name) for name in given})


def _option(given: Mapping[str, Any], name: str) -> Any:
    value = given[name]
    if name in _COLUMNS:
        return tuple(_texts(given, name))
    if name in _TEXTS:
        if value not in _TEXTS[name]:
            msg = f"{name!r} must be one of {', '.join(_TEXTS[name])}; got {str(value)[:80]!r}"
            raise InvalidInput(msg)
        return value
    if name == "redact":
        if not isinstance(value, bool):
            raise InvalidInput("'redact' must be true or false")
        return value
    if name in _COUNTS:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 0 <= value <= _MOST_COUNT:
            raise InvalidInput(f"{name!r} must be a whole number up to {_MOST_COUNT:,}")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name!r} must be a number")
    return float(value)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise InvalidInput(f"{name!r} must be a text of up to {_LONGEST:,} characters")
    return value


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    value = document.get(name)
    if not isinstance(value, list) or not value or len(value) > _MOST_LISTED:
        raise InvalidInput(f"{name!r} must be a list of 1 to {_MOST_LISTED:,} texts")
    for one in value:
        if not isinstance(one, str) or not 0 < len(one) <= _LONGEST:
            raise InvalidInput(f"{name!r} holds {str(one)[:80]!r}, which is no text, or too long")
    return value


def _key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise InvalidInput(f"Idempotency-Key must have 1 to {_LONGEST_KEY} printable characters")
    return key
