"""Which hosts are this machine, as far as their names tell."""

from __future__ import annotations

import ipaddress

OWN = ("127.0.0.1", "localhost", "::1")
"""The usual names of this machine, as the variable `no_proxy` lists them."""

EVERY_NAME = "*"
"""Stands for every name where those are listed that a server answers for."""

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on


def is_loopback(host: str) -> bool:
    """Whether what listens on a host is reached from this machine alone."""
    return is_own(host) and host.strip("[]") not in _EVERY_ADDRESS


def without_port(host: str | None) -> str | None:
    """The name of a `Host` header; none where there is no such header, as no browser asks."""
    if host is None:
        return None
    name, bracket, _ = host.partition("]")
    return name + bracket if bracket else host.partition(":")[0]


def is_own(host: str) -> bool:
    """Whether a host of a URL is this machine, to which no proxy leads.

    `host` has no port; an IPv6 address may stand in brackets or not.
    """
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
