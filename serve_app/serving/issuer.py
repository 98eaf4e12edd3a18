"""Asks an issuer of tokens, for its public keys above all, at the addresses that a config names.

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
from urllib.parse import urlencode, urlsplit

from serve_app.core.hosts import inside, is_off_limits
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
        inner = inside(ip)
        if inner is not None:
            return is_allowed(str(inner), private=private)
    if is_off_limits(address) or ip.is_unspecified:
        return False
    return private or ip.is_global


class Refused(Unavailable):
    """The issuer has understood what it was sent, and does not take it."""


def fetch(issuer: Issuer, resolve: Resolve = resolved) -> Mapping[str, Any]:
    """The keys at the issuer's address.

    Raises:
        ConfigError: it is no https address, or leads to a network that may not be asked.
        Unavailable: it cannot be fetched, or is no JWKS.
    """
    document = document_at(issuer, resolve=resolve)
    if not isinstance(document.get("keys"), list):
        raise Unavailable(f"what {issuer.address} answers is no JWKS")
    return document


def document_at(
    issuer: Issuer, form: Mapping[str, str] | None = None, *, resolve: Resolve = resolved
) -> Mapping[str, Any]:
    """The document at an address, or what it answers to a form.

    Raises:
        ConfigError: it is no https address, or leads to a network that may not be asked.
        Refused: the form is refused.
        Unavailable: it cannot be fetched, or is no object of JSON.
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
        body = _answer_of((parts.hostname, allowed[0], port), path, issuer.ca_file, form)
        document = json.loads(body)
    except _NotTaken as error:
        raise Refused(f"{issuer.address} answers {error.status}") from None
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        msg = f"what the issuer has at {issuer.address} cannot be fetched ({why[:200]})"
        raise Unavailable(msg) from None
    if not isinstance(document, dict):
        raise Unavailable(f"what {issuer.address} answers is no object of JSON")
    return document


class _NotTaken(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _answer_of(
    place: tuple[str, str, int], path: str, ca_file: str | None, form: Mapping[str, str] | None
) -> bytes:
    """What a host at an address and port answers to a form, or of itself."""
    host, address, port = place
    context = ssl.create_default_context(cafile=ca_file)
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    # The name is what the certificate must fit, the address is the one that was looked at.
    with socket.create_connection((address, port), TIMEOUT_S) as plain:
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        try:
            headers = {"accept": "application/json"}
            if form is None:
                connection.request("GET", path, headers=headers)
            else:
                headers["content-type"] = "application/x-www-form-urlencoded"
                connection.request("POST", path, urlencode(form).encode(), headers)
            answer = connection.getresponse()
            if form is not None and answer.status in {400, 401, 403}:
                raise _NotTaken(answer.status)
            # A redirect would lead past all that was looked at.
            if answer.status != 200:
                raise OSError(f"it answers {answer.status}")
            body = answer.read(MOST_BYTES + 1)
        finally:
            connection.close()
    if len(body) > MOST_BYTES:
        raise OSError(f"it is longer than {MOST_BYTES} bytes")
    return body
