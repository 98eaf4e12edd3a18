"""Fetches the public keys of an issuer of tokens, from the one address that a config names.

Whoever can write a name into DNS must not make this process ask servers of its own network for
them: addresses are looked at after the name is resolved, and the one that was looked at is the one
that is asked.
"""

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from serve_app.errors import ConfigError, Unavailable

TIMEOUT_S = 5.0
MOST_BYTES = 1024 * 1024
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Where an issuer's keys are; `private` lets its address be one of a private network."""

    address: str
    private: bool = False
    ca_file: str | None = None


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which they are to be tried.

    Raises:
        OSError: it has none.
    """
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in entries))


def is_allowed(address: str, *, private: bool) -> bool:
    """Whether an address may be asked: one of the internet, or of a private network if said so.

    Those that no network routes are never asked, 169.254.169.254 among them, at which clouds hand
    out secrets of the machine that asks.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or _translated(ip)
        if inner is not None:
            return is_allowed(str(inner), private=private)
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return private or ip.is_global


def _translated(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a translator makes of an IPv6 one (RFC 6052)."""
    if ip in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return None


def fetch(issuer: Issuer, resolve: Resolve = resolved) -> Mapping[str, Any]:
    """The document at the issuer's address.

    Raises:
        ConfigError: it is no https address, or leads to a network that may not be asked.
        Unavailable: it cannot be fetched, or is no JWKS.
    """
    parts = urlsplit(issuer.address)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise ConfigError(f"{issuer.address} is no https address")
    port = parts.port or 443
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        addresses = resolve(parts.hostname, port)
        allowed = [one for one in addresses if is_allowed(one, private=issuer.private)]
        if len(allowed) < len(addresses) or not allowed:
            msg = (
                f"{parts.hostname} leads to an address of a private network, which is not asked "
                "for an issuer's keys unless the config says `private_address: true`"
            )
            raise ConfigError(msg)
        body = _get(parts.hostname, allowed[0], port, path, issuer.ca_file)
        document = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        msg = f"the issuer's keys at {issuer.address} cannot be fetched ({why[:200]})"
        raise Unavailable(msg) from None
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise Unavailable(f"what {issuer.address} answers is no JWKS")
    return document


def _get(host: str, address: str, port: int, path: str, ca_file: str | None) -> bytes:
    context = ssl.create_default_context(cafile=ca_file)
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    # The name is what the certificate must fit, the address is the one that was looked at.
    with socket.create_connection((address, port), TIMEOUT_S) as plain:
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        try:
            connection.request("GET", path, headers={"accept": "application/json"})
            answer = connection.getresponse()
            # A redirect would lead past all that was looked at.
            if answer.status != 200:
                raise OSError(f"it answers {answer.status}")
            body = answer.read(MOST_BYTES + 1)
        finally:
            connection.close()
    if len(body) > MOST_BYTES:
        raise OSError(f"it is longer than {MOST_BYTES} bytes")
    return body
