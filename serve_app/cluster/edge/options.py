"""How HAProxy guards a cluster's main port."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serve_app.errors import InvalidInput

_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_.:\[\]-]{1,253}")


@dataclass(frozen=True, slots=True)
class Tls:
    """How the main port speaks TLS.

    `certificate` has the certificate and its chain, `key` its private key, both as PEM. Clients
    may show a certificate that one of those in `client_ca` has signed.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    minimum: Literal["1.2", "1.3"] = "1.2"


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """Who may ask at the main port, and how much.

    The last address that one of `trusted_proxies` (networks or addresses) names in
    `X-Forwarded-For` is the client; of everybody else it is the one that connects. With
    `allowed_hosts`, requests for another host are refused; `*.example.com` stands for all below.
    One client may have `connections` at once, and send `requests_per_s`; 0 is without a bound.
    Once it was answered 401 more than `refusals_per_minute` times, what it sends is refused, but
    for what carries a credential that was accepted before. The head of a request must have come
    within `head_timeout_s`, counted from connecting.
    """

    trusted_proxies: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    connections: int = 1024
    requests_per_s: int = 0
    refusals_per_minute: int = 100
    head_timeout_s: int = 10
    tls: Tls | None = None

    def __post_init__(self) -> None:
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                msg = f"{network!r} is no address and no network such as 10.0.0.0/8"
                raise InvalidInput(msg) from None
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                msg = f"{host!r} is no host such as models.example.com or *.example.com"
                raise InvalidInput(msg)


BEHIND_A_BALANCER = EdgeOptions(connections=0, refusals_per_minute=0, head_timeout_s=90)
"""For images: what connects there is a balancer, for everybody, ahead, and may wait a minute."""
