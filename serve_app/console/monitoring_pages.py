"""The pages of monitoring: who is watched and what that says, and an endpoint's rows over time."""

from __future__ import annotations

import asyncio

from serve_app.console import model_view, monitoring_view
from serve_app.console.forms import Inquiry
from serve_app.console.parts import part
from serve_app.console.rendering import Page
from serve_app.errors import InvalidInput
from serve_app.gateway.admin.actions import AdminActions
from serve_app.monitoring.report.document import Report
from serve_app.monitoring.report.page import verdict_of

LINES_PER_PAGE = 50
HOUR_S = 3_600
DAY_S = 24 * HOUR_S
SPANS = {1: "hour", 6: "6 hours", 24: "day", 168: "week"}
"""Hours that people may look back by a link."""
MOST_HOURS = 31 * 24
WATCHES = ("drift", "quality", "estimate", "data_quality")


class MonitoringPages:
    """What the monitor knows, by the calls that `serve-app monitor` makes."""

    def __init__(self, actions: AdminActions) -> None:
        self._actions = actions

    async def monitoring(self, inquiry: Inquiry) -> Page:
        """Everybody who answers, what watches say of them, and who was told."""
        actions, caller = self._actions, inquiry.caller
        standing, findings, alerts, watched = await asyncio.gather(
            actions.endpoints(),
            part(actions.findings(None), caller, "read:metrics"),
            part(actions.alerts(), caller, "read:metrics"),
            asyncio.gather(
                *(
                    part(actions.watched(one, None, DAY_S), caller, "read:metrics")
                    for one in WATCHES
                )
            ),
        )
        known = dict(zip(WATCHES, watched, strict=True))
        lines = monitoring_view.monitored_lines(standing["endpoints"], findings.value or (), known)
        return Page(
            "monitoring.html",
            "Monitoring",
            {
                "findings": findings,
                "alerts": alerts,
                "shown": model_view.slice_of(lines, inquiry.query("page"), LINES_PER_PAGE),
                "missing": [
                    one for one in monitoring_view.not_watched(known) if one != findings.missing
                ],
            },
        )

    async def monitored(self, inquiry: Inquiry) -> Page:
        """An endpoint: drift over time, distributions now against the reference, quality."""
        name = inquiry.named["endpoint"]
        hours = _hours(inquiry.query("hours"))
        report = Report.from_json(await self._actions.report(name, hours * HOUR_S))
        section = monitoring_view.section_of(report, inquiry.query("version"))
        level, sentence = verdict_of(report)
        values = {
            "endpoint": name,
            "hours": hours,
            "spans": SPANS,
            "report": report,
            "level": level,
            "sentence": sentence,
            "section": section,
            "content": "",
            "pages": 1,
            "page": 1,
        }
        if section is not None:
            pages = monitoring_view.pages_of(section)
            page = model_view.slice_of(range(pages), inquiry.query("page"), 1).page
            content = monitoring_view.content(report, section, page)
            values |= {"pages": pages, "page": page, "content": content}
        return Page("monitored.html", f"Monitoring of {name}", values)


def _hours(text: str) -> int:
    """How far back somebody looks; a day where they do not say.

    Raises:
        InvalidInput: it is no such number.
    """
    if not text:
        return 24
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= MOST_HOURS):
        raise InvalidInput(f"'hours' must be a number from 1 to {MOST_HOURS}, got {text[:40]!r}")
    return int(text)
