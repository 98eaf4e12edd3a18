"""What a gateway lets people change: by the admin API, and by the calls of other systems."""

import asyncio
import os
import time
from collections.abc import Callable

from starlette.types import ASGIApp

from serve_app.config import GatewayArgs
from serve_app.console.app import Beside
from serve_app.core.hosts import is_loopback
from serve_app.core.identifiers import PredictionIds
from serve_app.core.supervisor import Supervisor
from serve_app.gateway.access import ADMIN, Gate, protect
from serve_app.gateway.admin.actions import Json
from serve_app.gateway.admin.app import build
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.management import Management
from serve_app.registry.store import Registry
from serve_app.serving.admin_actions import ClusterActions
from serve_app.serving.auditing import audit_log
from serve_app.serving.console import Administrators, console_of, kept_of, sessions_of
from serve_app.serving.control_client import ControlCaller, control_handle
from serve_app.serving.deploying.inside import serve_details
from serve_app.serving.listeners import Listeners, of_admin
from serve_app.serving.monitor_client import MonitorCaller
from serve_app.serving.oidc_provider import Claims, provider_at
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore


class Administration:
    """The admin API of a gateway, and `management`, where anybody is asked who they are.

    `standing` gives the endpoints as this gateway answers them.

    Raises:
        ConfigError: the audit log cannot be kept.
    """

    def __init__(self, args: GatewayArgs, registry: Registry, standing: Callable[[], Json]) -> None:
        self._args = args
        self._registry = registry
        self._ids = PredictionIds()
        self._log = audit_log(args.audit, "gateway")
        self._events = EventLog(args.state)
        self._actions = ClusterActions(
            registry,
            (self._events, FeedbackStore(args.state)),
            applications=(ControlCaller(control_handle()), MonitorCaller()),
            standing=standing,
            details=serve_details,
        )
        self._audited: AuditedChanges | None = None
        if self._log is not None:
            self._audited = AuditedChanges(
                self._log, self._actions, self._ids, clock=time.monotonic
            )
        self.management: Management | None = None
        access = args.access
        if access.is_required and access.management.endpoints:
            self.management = Management(
                self._actions,
                access.management,
                registry.url,
                clock=time.monotonic,
                audited=self._audited,
            )

    @property
    def audited(self) -> AuditedChanges | None:
        """Through which changes are made, where they are written down."""
        return self._audited

    async def open(
        self,
        listeners: Listeners,
        gate: Gate | None,
        tasks: Supervisor,
        predictions: ASGIApp,
        claims: Claims,
    ) -> None:
        """Answer the admin API on a port of its own, where there is one, and the console.

        `claims` says what tokens of people who log in to the console say.
        """
        settings = of_admin(self._args.admin, os.environ)
        if settings is None:
            return
        audited = self._audited
        admin = build(
            self._actions,
            host=settings.host,
            ids=self._ids,
            audited=audited,
            proofs=self._args.access.proofs,
        )
        witness = None if audited is None else audited.refused_stranger
        if gate is not None and settings.tls is None and is_loopback(settings.host):
            # Programs of this machine reach it by plain HTTP, and show no certificates there.
            gate = gate.without_certificates()
        app = protect(admin, gate, ADMIN, witness)
        if settings.console != "none":
            who = Administrators(self._actions, self._events, self._ids, audited, gate, witness)
            control = ControlCaller(control_handle())
            sessions = await sessions_of(self._args.state, tasks, control)
            kept = kept_of(self._args, settings, self._registry)
            provider = provider_at(settings.oidc, self._args.access, claims)
            shown = predictions, kept, provider
            app = Beside(app, console_of(settings, who, sessions, shown, serve_details))
        await listeners.open(app, settings, ids=self._ids)

    async def close(self) -> None:
        """Sign how far the audit log is, where there is one."""
        if self._log is not None:
            await asyncio.to_thread(self._log.close)
