"""One file of HTML that needs nothing else and may do nothing else: no network, no font."""

from __future__ import annotations

from serve_app.monitoring.report.markup import Child, Markup, element
from serve_app.monitoring.report.style import policy


def sheet(title: str, content: Child, style: str, script: str = "") -> str:
    """The whole file; what is not its own style and script, browsers refuse."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(style)),
    )
    after = element("script", Markup(script)) if script else None
    whole = element("html", head, element("body", content, after), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"
