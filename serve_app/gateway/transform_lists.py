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
    order = _chosen(document, "SortBy", tuple(_ORDERS))
    newest_first = _chosen(document, "SortOrder", ("Descending", "Ascending")) == "Descending"
    sorted_jobs = sorted(jobs, key=_ORDERS[order], reverse=newest_first)
    fits = _filter_of(document)
    fitting = [one for one in _following(sorted_jobs, document) if fits(one)]
    some = fitting[: _page_size(document)]
    return some, some[-1].named.name if len(some) < len(fitting) else None


def _following(jobs: Sequence[NamedStatus], document: Mapping[str, Any]) -> Sequence[NamedStatus]:
    """The jobs after the one that a token names, all without a token.

    A token is the last name of a page and not a place, so that jobs that come meanwhile move none.
    """
    token = document.get("NextToken")
    if token is None:
        return jobs
    names = [one.named.name for one in jobs]
    if token not in names:
        raise InvalidInput(f"NextToken is {str(token)[:80]!r}, which is none")
    return jobs[names.index(token) + 1 :]


def _filter_of(document: Mapping[str, Any]) -> Callable[[NamedStatus], bool]:
    """Whether a job is one of those that the filters leave."""
    part = document.get("NameContains", "")
    if not isinstance(part, str):
        raise InvalidInput("NameContains must be a text")
    status = document.get("StatusEquals")
    if status is not None:
        _chosen(document, "StatusEquals", tuple(dict.fromkeys(STATUSES.values())))
    created, changed = _span(document, "CreationTime"), _span(document, "LastModifiedTime")

    def fits(job: NamedStatus) -> bool:
        named = job.named
        return (
            part.lower() in named.name.lower()
            and status in {None, STATUSES[job.state]}
            and created[0] <= named.given_at_s <= created[1]
            and changed[0] <= job.status["changed_at_s"] <= changed[1]
        )

    return fits


def _span(document: Mapping[str, Any], name: str) -> tuple[float, float]:
    return _time(document, f"{name}After", 0.0), _time(document, f"{name}Before", float("inf"))


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


def _page_size(document: Mapping[str, Any]) -> int:
    value = document.get("MaxResults", _DEFAULT)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST:
        msg = f"MaxResults must be a whole number from 1 to {_MOST}; got {str(value)[:80]!r}"
        raise InvalidInput(msg)
    return value
