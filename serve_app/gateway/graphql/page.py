"""What a browser shows at `/graphql`: a query to begin with, its answer, and the schema."""

from __future__ import annotations

import string
from collections.abc import Mapping
from html import escape

from serve_app.gateway.browsers import VARY, wants_page
from serve_app.gateway.docs import PAGES, STYLE, policy

_TEMPLATE = string.Template((PAGES / "graphql.html").read_text("utf-8"))
_SCRIPT = (PAGES / "graphql.js").read_text("utf-8")
HEADERS = policy(_SCRIPT, STYLE) | VARY
"""What the page must be sent with."""


def wanted(method: str, query: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a request is that of a person who opens the address and asks nothing yet."""
    return method != "POST" and not query and wants_page(headers)


def page(schema: str) -> str:
    """The page with a schema in GraphQL's own language, complete in itself."""
    return _TEMPLATE.substitute(schema=escape(schema), style=STYLE, script=_SCRIPT)
