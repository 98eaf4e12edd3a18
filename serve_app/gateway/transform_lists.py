"""SageMaker's ListTransformJobs: filters, order and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serve_app.engine.batch.named_desk import NamedStatus
from serve_app.errors import InvalidInput
from serve_app.gateway.transform_bodies import STATUSES

_DEFAULT, _MOST = 10, 100
_ORDERS: Mapping[str, Callable[[NamedStatus], Any]] = {
    "CreationTime": lambda one: one.named.given_at_s,
    "Name": lambda one: one.named.name,
    "Status": lambda one: STATUSES[one.state],
}
_KNOWN = frozenset(
    {
        *("CreationTimeAfter", "CreationTimeBefore", "LastModifiedTimeAfter"),
        *("LastModifiedTimeBefore", "NameContains", "StatusEquals", "SortBy", "SortOrder"),
        *("MaxResults", "NextToken"),
    }
)


def listed(
    jobs: Sequence[NamedStatus], document: Mapping[str, Any]
) -> tuple[list[NamedStatus], str | None]:
    """Those of some jobs that a request asks for, and the token of what follows.

    Raises:
        InvalidInput: a filter is unknown or of another kind.
    """
    stranger = next((name for name in document if name not in _KNOWN), None)
    if stranger is not None:
        raise InvalidInput(f"{stranger[:80]!r} is unknown here; known: {', '.join(sorted(_KNOWN))}")
    fitting = [one for one in jobs if _fits(one, document)]
    order = _chosen(document, "SortBy", tuple(_ORDERS))
    newest_first = _chosen(document, "SortOrder", ("Descending", "Ascending")) == "Descending"
    fitting.sort(key=_ORDERS[order], reverse=newest_first)
    start = _number(document, "NextToken", 0, len(jobs))
    stop = start + _number(document, "MaxResults", _DEFAULT, _MOST)
    return fitting[start:stop], str(stop) if stop < len(fitting) else None


def _fits(job: NamedStatus, document: Mapping[str, Any]) -> bool:
    named, changed_at_s = job.named, job.status["changed_at_s"]
    if str(document.get("NameContains", "")).lower() not in named.name.lower():
        return False
    if document.get("StatusEquals") not in {None, STATUSES[job.state]}:
        return False
    return _within(document, "CreationTime", named.given_at_s) and _within(
        document, "LastModifiedTime", changed_at_s
    )


def _within(document: Mapping[str, Any], name: str, at_s: float) -> bool:
    after_s = _time(document, f"{name}After", 0.0)
    return after_s <= at_s <= _time(document, f"{name}Before", float("inf"))


def _time(document: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = document.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} must be a time in seconds since 1970")
    return float(value)


def _chosen(document: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    value = document.get(name, known[0])
    if value not in known:
        raise InvalidInput(f"{name} must be {', '.join(known)}; got {str(value)[:80]!r}")
    return str(value)


def _number(document: Mapping[str, Any], name: str, otherwise: int, most: int) -> int:
    text = str(document.get(name, otherwise))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        raise InvalidInput(f"{name} is {text[:80]!r}, which is none")
    return int(text)
