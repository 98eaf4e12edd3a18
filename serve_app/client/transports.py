"""How requests leave this machine, or do not, and whose certificates are believed."""

from __future__ import annotations

import os
import ssl

import httpx

from serve_app.core.hosts import is_own


def trust(ca_file: str | os.PathLike[str] | None) -> ssl.SSLContext | bool:
    """Who may sign servers' certificates: those in a file (PEM), or those that httpx knows.

    Raises:
        OSError: the file cannot be read, or has no certificates.
    """
    return True if ca_file is None else ssl.create_default_context(cafile=os.fspath(ca_file))


def transport(url: str, verify: ssl.SSLContext | bool = True) -> httpx.HTTPTransport | None:
    """A transport past all proxies for a server on this machine; none leaves it to httpx."""
    return httpx.HTTPTransport(verify=verify) if is_own(httpx.URL(url).host) else None


def async_transport(
    url: str, verify: ssl.SSLContext | bool = True
) -> httpx.AsyncHTTPTransport | None:
    """The same for asyncio."""
    return httpx.AsyncHTTPTransport(verify=verify) if is_own(httpx.URL(url).host) else None
