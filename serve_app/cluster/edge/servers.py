"""Servers behind HAProxy on this machine, and which of them get no requests for now."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from serve_app.cluster.edge.admin_socket import command, sockets

_UP = "2"
"""A server that gets requests, in HAProxy's own numbers."""
_FALLBACK = re.compile("SERVE_PROXY_ACTOR", re.IGNORECASE)
"""How the name of Serve's own proxy begins, which is asked where no gateway is up."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a backend, at an address and a port; `is_up` where it gets requests."""

    backend: str
    name: str
    address: str
    port: int
    is_up: bool


def pass_by(folder: Path, addresses: Collection[str], ports: Collection[int]) -> list[Server]:
    """Let HAProxy send nothing more to servers at these addresses and ports, which it did before.

    It goes on to look whether they are well, and sends to them again as soon as they answer. Where
    no other server of a backend would be left they stay: late answers are better than none.
    `folder` is the cluster's on this machine. Gives those that are passed by from now on.
    """
    passed = []
    for path in sockets(folder):
        up = [one for one in _servers(command(path, "show servers state\n") or "") if one.is_up]
        meant = [one for one in up if one.address in addresses and one.port in ports]
        left = {one.backend for one in up if one not in meant and not _FALLBACK.match(one.name)}
        for server in meant:
            if server.backend in left:
                command(path, f"set server {server.backend}/{server.name} health down\n")
                passed.append(server)
    return passed


def _servers(printed: str) -> Iterator[Server]:
    """The servers of `show servers state` (HAProxy's management guide, 9.3), by its own header."""
    names: list[str] = []
    for line in printed.splitlines():
        if line.startswith("# "):
            names = line[2:].split()
        words = dict(zip(names, line.split(), strict=False))
        if not line.startswith("#") and words.get("srv_port", "").isdigit():
            yield Server(
                words["be_name"],
                words["srv_name"],
                words["srv_addr"],
                int(words["srv_port"]),
                words["srv_op_state"] == _UP,
            )
