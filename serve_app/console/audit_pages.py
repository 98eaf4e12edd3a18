"""The page of the audit log: who did what, or wanted to and might not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from serve_app.console.forms import Inquiry
from serve_app.console.rendering import Page
from serve_app.errors import NotFound
from serve_app.security.audit_reading import newest_events

EVENTS = 100


class AuditPages:
    """What the log in a folder says, as `serve-app audit show` reads it."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def audit(self, inquiry: Inquiry) -> Page:
        """The newest lines of all writers of this machine."""
        actor, action = inquiry.query("actor").strip(), inquiry.query("action").strip()
        events: list[dict[str, Any]] = []
        if self._folder is not None:
            read = partial(newest_events, self._folder, most=EVENTS, actor=actor, action=action)
            # Where nothing was written yet, the log begins with the first change.
            with suppress(NotFound):
                events = await asyncio.to_thread(read)
        folder = "" if self._folder is None else str(self._folder)
        values = {"folder": folder, "events": events, "actor": actor, "action": action}
        return Page("audit.html", "Audit log", values)
