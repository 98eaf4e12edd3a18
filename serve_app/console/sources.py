"""Where the console has from what it shows, and whom it lets change things."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp

from serve_app.core.ports import Ids
from serve_app.gateway.admin.actions import AdminActions
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.security.sessions import Sessions

Answered = Callable[[str], Mapping[str, int]]
"""Requests of an endpoint that this gateway answered since it started, by who answered them."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What pages are made of.

    `predictions` is the application that answers them, None where there is none; `address` tells at
    which one clients reach it, which snippets name, and may wait. `audited` writes changes down,
    where a log is kept.
    """

    actions: AdminActions
    sessions: Sessions
    ids: Ids
    audited: AuditedChanges | None = None
    answered: Answered | None = None
    predictions: ASGIApp | None = None
    address: Callable[[], str] = lambda: "http://127.0.0.1:8000"
