"""Who wants to change something, by which request."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.security.audit import AuditEvent

_LONGEST_OBJECT = 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who wants to do something, by which request, from which address."""

    caller: Caller = ANONYMOUS
    request: str = ""
    source: str = ""

    def to(self, action: str, subject: str) -> AuditEvent:
        """What is to be done, as the audit log has it before that begins."""
        caller, about = self.caller, subject[:_LONGEST_OBJECT]
        return AuditEvent(
            action, about, "begun", caller.name, caller.tenant, self.request, self.source
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants to change something of an endpoint, and in whose words."""

    attempt: Attempt
    endpoint: str
    by: str

    @property
    def caller(self) -> Caller:
        """Who wants it."""
        return self.attempt.caller
