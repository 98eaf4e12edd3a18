"""What a principal may do: actions, and the endpoints on which it may do them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from serve_app.errors import InvalidInput

ENDPOINT_ACTIONS = ("predict", "explain", "feedback")
"""What clients do with an endpoint."""
ACTIONS = (
    *ENDPOINT_ACTIONS,
    "read:metadata",
    "read:metrics",
    "read:records",
    "read:audit",
    "read:jobs",
    "admin:endpoints",
    "admin:weights",
    "admin:models",
    "admin:feedback",
    "admin:jobs",
    "admin:keys",
    "admin:erase",
)
"""All that can be granted. Of a scope's `read` or `admin` alone, every action below it is meant."""
EVERY = "*"
_PATTERN = re.compile(r"[A-Za-z0-9_.*-]{1,200}")
"""Of what `fnmatch` reads as a pattern, `*` alone."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on the endpoints whose names fit `endpoints`, in which `*` stands for any text."""

    action: str
    endpoints: str = EVERY

    def covers(self, endpoint: str) -> bool:
        """Whether an endpoint is one of those that are meant."""
        return fnmatchcase(endpoint, self.endpoints)


@dataclass(frozen=True, slots=True)
class Grants:
    """All that a principal may do. Answers are kept, as they are asked with each request."""

    all: tuple[Grant, ...]
    _known: dict[tuple[str, str], bool] = field(default_factory=dict, compare=False, repr=False)

    def allow(self, action: str, endpoint: str) -> bool:
        """Whether an action may be done on an endpoint that exists."""
        known = self._known.get((action, endpoint))
        if known is None:
            known = any(one.action == action and one.covers(endpoint) for one in self.all)
            if len(self._known) < _MOST_KNOWN:
                self._known[action, endpoint] = known
        return known

    def allow_everywhere(self, action: str) -> bool:
        """Whether an action may be done that concerns no single endpoint, or all of them."""
        return any(one.action == action and one.endpoints == EVERY for one in self.all)

    def cover(self, others: Grants) -> bool:
        """Whether all that others allow is allowed here too."""
        return all(
            any(one.action == other.action and _within(other, one) for one in self.all)
            for other in others.all
        )

    def show(self, endpoint: str) -> bool:
        """Whether a principal may know that an endpoint exists: it may do something with it."""
        return any(one.covers(endpoint) for one in self.all)


def _within(inner: Grant, outer: Grant) -> bool:
    """Whether all endpoints of a grant are those of another one, as far as the patterns tell."""
    return outer.endpoints in {EVERY, inner.endpoints} or (
        EVERY not in inner.endpoints and outer.covers(inner.endpoints)
    )


_MOST_KNOWN = 10_000


def grants_of(scopes: Iterable[str], endpoints: Iterable[str] = (EVERY,)) -> Grants:
    """What scopes grant: `predict:diag*`, `admin:weights:churn`, `read:metadata`, `admin`, `*`.

    A scope without endpoints of its own is for all that `endpoints` fit, and one with such for
    those of them alone.

    Raises:
        InvalidInput: a scope is none, or names endpoints that fit none of `endpoints`.
    """
    patterns = tuple(endpoints)
    for pattern in patterns:
        _check_pattern(pattern)
    return Grants(tuple(grant for scope in scopes for grant in _grants(scope, patterns)))


def _grants(scope: str, patterns: tuple[str, ...]) -> Iterable[Grant]:
    actions, own = _parsed(scope)
    if own is not None:
        _check_pattern(own)
        if not any(Grant("", pattern).covers(own) for pattern in patterns):
            msg = f"the scope {scope!r} is for endpoints outside of {', '.join(patterns)}"
            raise InvalidInput(msg)
    within = patterns if own is None else (own,)
    return (Grant(action, pattern) for action in actions for pattern in within)


def _parsed(scope: str) -> tuple[tuple[str, ...], str | None]:
    """The actions of a scope, and the endpoints that it names, where it names any."""
    if scope == EVERY:
        return ACTIONS, None
    for action in ACTIONS:
        if scope == action:
            return (action,), None
        if scope.startswith(f"{action}:"):
            return (action,), scope[len(action) + 1 :]
    below = tuple(action for action in ACTIONS if action.startswith(f"{scope}:"))
    if not below:
        msg = f"{scope!r} is no scope; there are {', '.join(ACTIONS)}, read, admin and *"
        raise InvalidInput(msg)
    return below, None


def _check_pattern(pattern: str) -> None:
    if _PATTERN.fullmatch(pattern) is None:
        msg = f"{pattern!r} fits no endpoint: names hold letters, digits, `_`, `.` and `-`"
        raise InvalidInput(msg)


EVERYTHING = grants_of([EVERY])
"""What everybody may do where nobody is asked who they are."""
