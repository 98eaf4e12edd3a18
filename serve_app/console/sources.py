"""Where the console has from what it shows, and whom it lets change things."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from serve_app.console.oidc_login import LoginProvider
from serve_app.core.events import Event
from serve_app.core.ports import Ids
from serve_app.gateway.admin.actions import AdminActions
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.job_door import Jobs
from serve_app.lifecycle.retraining.overview import RetrainingRuns
from serve_app.lifecycle.run_status import TrainingRuns
from serve_app.security.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Sources:
    """What pages are made of.

    `predictions` is the application that answers them, None where there is none; `address` tells at
    which one clients reach it, which snippets name, and may wait. `audited` writes changes down,
    where a log is kept, and `keep` keeps an event among those of the cluster. `jobs` has batch
    jobs, where this gateway takes any; `training` and `retraining` have runs, where it knows their
    folder. `audit_log` is the folder of the log that is kept. `dashboard` gives the address of
    Ray's dashboard, empty where there is none. At the `provider` people log in, if there is one.
    `clock` is seconds since 1970.
    """

    actions: AdminActions
    sessions: Sessions
    ids: Ids
    audited: AuditedChanges | None = None
    predictions: ASGIApp | None = None
    provider: LoginProvider | None = None
    address: Callable[[], str] = lambda: "http://127.0.0.1:8000"
    jobs: Jobs | None = None
    training: TrainingRuns | None = None
    retraining: RetrainingRuns | None = None
    keep: Callable[[Event], object] | None = None
    audit_log: Path | None = None
    dashboard: Callable[[], str] = lambda: ""
    clock: Callable[[], float] = time.time
