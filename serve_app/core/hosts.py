"""Which hosts are this machine, as far as their names tell."""

from __future__ import annotations

import ipaddress

OWN = ("127.0.0.1", "localhost", "::1")
"""The usual names of this machine, as the variable `no_proxy` lists them."""


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
