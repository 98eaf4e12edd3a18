"""How commands reach the admin API: of the cluster in a folder, or at an address."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from serve_app.cluster import web
from serve_app.cluster.node import Cluster
from serve_app.registry.user import current_user

PREFIX = "/v1/admin"


def option_server(function: Callable[..., Any]) -> Callable[..., Any]:
    """The address of an admin API, in place of that of the cluster in the state folder."""
    return click.option(
        "--server",
        metavar="URL",
        envvar="SERVE_APP_SERVER",
        help="The admin API to ask, such as http://127.0.0.1:8091, instead of the local cluster's.",
    )(function)


class AdminClient:
    """Asks the admin API of a cluster; raises what its gateway refused, in its own words."""

    def __init__(self, server: str | None, state: str) -> None:
        base = server or Cluster(Path(state)).require().admin_url
        self._base = base.rstrip("/") + PREFIX

    def set_weights(
        self, endpoint: str, weights: dict[str, float], reason: str | None
    ) -> dict[str, Any]:
        """Change weights, and say what stands then."""
        body = {"weights": weights, "by": current_user(), "reason": reason or ""}
        answer: dict[str, Any] = web.put(
            f"{self._base}/endpoints/{quote(endpoint, safe='')}/weights", body
        )
        return answer

    def events(self, limit: int, kind: str | None, subject: str | None) -> list[dict[str, Any]]:
        """What was changed, the newest first."""
        asked = {"limit": str(limit), "kind": kind, "subject": subject}
        query = "&".join(f"{k}={quote(v, safe='')}" for k, v in asked.items() if v is not None)
        events: list[dict[str, Any]] = web.get(f"{self._base}/events?{query}", keys=("events",))[
            "events"
        ]
        return events
