"""The console on the admin port of a gateway."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from serve_app.config import AdminSettings, GatewayArgs
from serve_app.console.app import build
from serve_app.console.oidc_login import LoginProvider
from serve_app.console.sources import Sources
from serve_app.core.ports import Ids
from serve_app.core.supervisor import Supervisor
from serve_app.engine.batch.desk import JobDesk, desk_of
from serve_app.errors import RegistryFailed, ServeError
from serve_app.gateway.access import Gate, Witness
from serve_app.gateway.admin.actions import AdminActions, Json
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.lifecycle.retraining.overview import RetrainingRuns
from serve_app.lifecycle.run_status import TrainingRuns
from serve_app.registry.store import Registry
from serve_app.security.sessions import Sessions
from serve_app.serving.deploying.inside import dashboard_address
from serve_app.serving.shared_secrets import (
    CONSOLE_SESSIONS,
    SECRET_BYTES,
    SecretSource,
    drawn_secret,
    follow_secret,
)
from serve_app.storage.events import EventLog

DEFAULT_PORT = 8000
logger = logging.getLogger("serve_app.gateway")


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands on this machine's disk: batch jobs, runs, and the audit log where one is kept."""

    jobs: JobDesk | None
    training: TrainingRuns
    retraining: RetrainingRuns
    audit_log: Path | None


def kept_of(args: GatewayArgs, settings: AdminSettings, registry: Registry) -> Kept:
    """The same as the settings of a gateway and of its admin port name their folders.

    The ledger of jobs is used by several at a time, of which the main port is another one.

    Raises:
        ConfigError: the ledger of jobs cannot be used.
    """
    jobs = None if args.jobs is None else desk_of(args.jobs, registry, clock=time.time)
    runs = Path(settings.runs)
    audit_log = None if args.audit is None else Path(args.audit.path)
    return Kept(jobs, TrainingRuns(runs), RetrainingRuns(runs, time.time), audit_log)


@dataclass(frozen=True, slots=True)
class Administrators:
    """What is done by whom: the use cases, events and the log of them, and who knows callers."""

    actions: AdminActions
    events: EventLog
    ids: Ids
    audited: AuditedChanges | None
    gate: Gate | None
    witness: Witness | None


async def sessions_of(state: str, tasks: Supervisor, control: SecretSource) -> Sessions:
    """The sessions of all gateways: by the secret of a state store, then by control's.

    Where the store has none and takes none, by one of this process's own until control tells: a
    gateway answers predictions whatever becomes of its console.

    Raises:
        ConfigError: the package cryptography is missing.
    """
    secret = await _own_secret(state)
    sessions = Sessions(secret, clock=time.time, random_bytes=os.urandom)
    former = secret

    async def take(other: bytes) -> None:
        nonlocal former
        if other != former:
            former = other
            sessions.take(other)

    tasks.start("follow the secret of sessions", follow_secret(control, CONSOLE_SESSIONS, take))
    return sessions


async def _own_secret(state: str) -> bytes:
    try:
        return bytes.fromhex(await drawn_secret(state, CONSOLE_SESSIONS))
    except RegistryFailed as error:
        logger.warning("the console's sessions are sealed anew until control answers: %s", error)
        return os.urandom(SECRET_BYTES)


def console_of(
    settings: AdminSettings,
    who: Administrators,
    sessions: Sessions,
    shown: tuple[ASGIApp, Kept, LoginProvider | None],
    details: Callable[[], Json],
) -> ASGIApp:
    """The console as the settings of the admin port say; `details` is what Serve tells.

    What is shown is the application that answers predictions, behind the limits of the main port,
    what stands on the disk, and where people log in.
    """
    predictions, kept, provider = shown
    sources = Sources(
        who.actions,
        sessions,
        who.ids,
        audited=who.audited,
        predictions=predictions,
        provider=provider,
        address=lambda: f"http://127.0.0.1:{_port(details)}",
        jobs=kept.jobs,
        training=kept.training,
        retraining=kept.retraining,
        keep=who.events.append,
        audit_log=kept.audit_log,
        dashboard=dashboard_address,
    )
    return build(
        sources,
        host=settings.host,
        changes=settings.console_changes,
        gate=who.gate,
        witness=who.witness,
    )


def _port(details: Callable[[], Json]) -> int:
    """The main port as Serve tells it; the usual one where it does not."""
    try:
        return int((details().get("http_options") or {}).get("port") or DEFAULT_PORT)
    except (ServeError, ValueError, TypeError) as error:
        logger.info("Serve does not tell its port", extra={"why": type(error).__name__})
        return DEFAULT_PORT
