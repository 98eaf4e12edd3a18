"""The console on the admin port of a gateway."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp

from serve_app.config import AdminSettings
from serve_app.console.app import build
from serve_app.console.sources import Answered, Sources
from serve_app.core.ports import Ids
from serve_app.core.supervisor import Supervisor
from serve_app.errors import RegistryFailed, ServeError
from serve_app.gateway.access import Gate, Witness
from serve_app.gateway.admin.actions import AdminActions, Json
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.security.sessions import Sessions
from serve_app.serving.shared_secrets import (
    CONSOLE_SESSIONS,
    SECRET_BYTES,
    SecretSource,
    drawn_secret,
    follow_secret,
)

DEFAULT_PORT = 8000
logger = logging.getLogger("serve_app.gateway")


@dataclass(frozen=True, slots=True)
class Predictions:
    """Where a gateway answers predictions, and how often it did.

    `app` answers them, behind the limits of the main port; `answered` counts requests of an
    endpoint by who answered.
    """

    app: ASGIApp
    answered: Answered


@dataclass(frozen=True, slots=True)
class Administrators:
    """What is done by whom: the use cases, the log of them, and who knows callers."""

    actions: AdminActions
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
    predictions: Predictions,
    details: Callable[[], Json],
) -> ASGIApp:
    """The console as the settings of the admin port say; `details` is what Serve tells."""
    sources = Sources(
        who.actions,
        sessions,
        who.ids,
        audited=who.audited,
        answered=predictions.answered,
        predictions=predictions.app,
        address=lambda: f"http://127.0.0.1:{_port(details)}",
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
