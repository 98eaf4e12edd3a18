"""What people see in a browser where programs are answered with JSON."""

from __future__ import annotations

import string
from collections.abc import Mapping
from html import escape

from serve_app.gateway.docs import PAGES, STYLE, policy

_NOT_FOUND = string.Template((PAGES / "not_found.html").read_text("utf-8"))
_TO_DOCS = 'The <a href="/docs">documentation</a> shows what there is.'
_ELSEWHERE = "The documentation is at <code>/docs</code> of the main port."
VARY = {"vary": "Accept"}
"""What answers carry that are a page for people only, so that no cache mixes them up."""
HEADERS = policy("", STYLE) | VARY
"""What the page must be sent with."""


def wants_page(headers: Mapping[str, str]) -> bool:
    """Whether who asks shows pages; programs that take anything do not say so."""
    return "text/html" in headers.get("accept", "").lower()


def not_found(path: str, *, has_docs: bool) -> str:
    """The page of a path that does not exist; it leads to `/docs` where the port has it."""
    lead = _TO_DOCS if has_docs else _ELSEWHERE
    return _NOT_FOUND.substitute(path=escape(path), lead=lead, style=STYLE)
