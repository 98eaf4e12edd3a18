"""Which hosts are this machine, as far as their names tell."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

OWN = ("127.0.0.1", "localhost", "::1")
"""The usual names of this machine, as the variable `no_proxy` lists them."""

EVERY_NAME = "*"
"""Stands for every name where those are listed that a server answers for."""

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on


_OF_CLOUDS = frozenset(
    {
        "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::23", "fd00:ec2::254", "fd00:c1::a9fe:a9fe", "fd20:ce::254",
    }
)  # fmt: skip
_NAMES_OF_CLOUDS = frozenset(
    {
        "instance-data", "instance-data.ec2.internal", "metadata.goog",
        "metadata.google.internal", "metadata.tencentyun.com",
    }
)  # fmt: skip
"""Where clouds hand out secrets of the machine that asks, beside 169.254.169.254."""
_TRANSLATED = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
)
_LEAST_COMPATIBLE = 1 << 24
"""Those below, `::1` among them, stand for no IPv4 address: there is none in 0.0.0.0/8."""
_CHAINED = re.compile(r"::(?![^\[]*\])")
"""Between the URLs of a chain of filesystems, and not within an IPv6 address."""


def inside(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if any (RFC 2765, 3056, 4291, 6052, 8215)."""
    if int(ip) >= _LEAST_COMPATIBLE and any(ip in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour


def is_off_limits(address: str) -> bool:
    """Whether an IP address is one that no program here has business with.

    Those are the addresses at which clouds hand out secrets of the machine that asks, and all that
    no network routes, whether written as IPv4 or within IPv6.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = inside(ip)
        if inner is not None:
            return is_off_limits(str(inner))
    return ip.is_link_local or ip.is_multicast or str(ip) in _OF_CLOUDS


def leads_nowhere(host: str) -> bool:
    """Whether a host of a URL is such an address in any spelling, or a name that clouds give it.

    No name is resolved: whoever connects looks at the address that a name leads to.
    """
    name = host.strip("[]").rstrip(".").lower()
    if name in _NAMES_OF_CLOUDS:
        return True
    try:
        # As the C library reads addresses: one to four parts, each decimal, octal or hexadecimal.
        return is_off_limits(socket.inet_ntoa(socket.inet_aton(name)))
    except OSError:
        pass
    try:
        return is_off_limits(name)
    except ValueError:
        return False


def links_of(url: str) -> list[str]:
    """The URLs that one is made of: fsspec reads `simplecache::https://…` by way of both."""
    return _CHAINED.split(url)


def url_leads_nowhere(url: str) -> bool:
    """Whether a URL of files leads to such an address, of whatever scheme it is.

    Raises:
        ValueError: the URL cannot be read.
    """
    hosts = [urlsplit(one).hostname for one in links_of(url)]
    return any(host is not None and leads_nowhere(host) for host in hosts)


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
