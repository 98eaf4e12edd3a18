"""How requests leave this machine, or do not."""

from __future__ import annotations

import httpx

from serve_app.core.hosts import is_own


def transport(url: str) -> httpx.HTTPTransport | None:
    """A transport past all proxies for a server on this machine; none leaves it to httpx."""
    return httpx.HTTPTransport() if is_own(httpx.URL(url).host) else None


def async_transport(url: str) -> httpx.AsyncHTTPTransport | None:
    """The same for asyncio."""
    return httpx.AsyncHTTPTransport() if is_own(httpx.URL(url).host) else None
