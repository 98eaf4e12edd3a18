"""The page of the cluster: applications with their replicas, and how many there were when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from serve_app.console import model_view
from serve_app.console.forms import Inquiry
from serve_app.console.parts import part
from serve_app.console.rendering import Page
from serve_app.console.scaling_picture import scaling_picture
from serve_app.gateway.admin.actions import AdminActions

APPLICATIONS_PER_PAGE = 25
MOST_PICTURES = 12


class ClusterPages:
    """What Serve says of itself, by the calls that `serve-app status` makes.

    `dashboard` gives the address of Ray's dashboard, empty where there is none, `clock` the seconds
    since 1970.
    """

    def __init__(
        self, actions: AdminActions, dashboard: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        self._actions = actions
        self._dashboard = dashboard
        self._clock = clock

    async def cluster(self, inquiry: Inquiry) -> Page:
        """Everything that runs, and where."""
        status, body, scaling, dashboard = await asyncio.gather(
            self._actions.status(),
            self._actions.applications(),
            part(self._actions.scaling(), inquiry.caller, "read:metadata"),
            asyncio.to_thread(self._dashboard),
        )
        applications: Mapping[str, Any] = body["applications"]
        names = sorted(
            applications, key=lambda one: (applications[one]["status"] == "RUNNING", one)
        )
        shown = model_view.slice_of(names, inquiry.query("page"), APPLICATIONS_PER_PAGE)
        scaled = [one for one in status["applications"] if one["changes"]]
        scaled.sort(key=lambda one: max(change["at_s"] for change in one["changes"]), reverse=True)
        now_s = self._clock()
        return Page(
            "cluster.html",
            "Cluster",
            {
                "shown": shown,
                "applications": applications,
                "deployments": {
                    (one["application"], one["deployment"]): one for one in status["applications"]
                },
                "scaling": scaling,
                "pictures": [(one, scaling_picture(one, now_s)) for one in scaled[:MOST_PICTURES]],
                "left_out": max(0, len(scaled) - MOST_PICTURES),
                "dashboard": dashboard,
                "of_application": lambda name: f"{dashboard}/#/serve/applications/{quote(name)}",
            },
        )
