"""Every port on which processes listen, and who may reach it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import psutil

from serve_app.cluster.doctor.finding import Finding, Level

Kind = Literal["clients", "inside", "ray"]
"""For whom a port is: for clients, for this machine's own programs, or for Ray's processes."""


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A port, the addresses on which it is open, and the program that listens."""

    port: int
    addresses: tuple[str, ...]
    program: str

    @property
    def reach(self) -> str:
        """Who may connect, by the addresses alone; firewalls are not known here."""
        if all(is_loopback(one) for one in self.addresses):
            return "this machine"
        if any(ipaddress.ip_address(one).is_unspecified for one in self.addresses):
            return "everybody who reaches this machine"
        outside = [one for one in self.addresses if not is_loopback(one)]
        return f"everybody who reaches {', '.join(outside)}"

    @property
    def is_local(self) -> bool:
        """Whether this machine's own programs alone may connect."""
        return all(is_loopback(one) for one in self.addresses)


@dataclass(frozen=True, slots=True)
class Guards:
    """What stands behind open ports: the mode of `access`, if any, and whether Ray has a token."""

    access: str | None
    has_token: bool


def is_loopback(address: str) -> bool:
    """Whether an address of a socket is this machine's own."""
    value = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(value, "ipv4_mapped", None)
    return bool((mapped or value).is_loopback)


def open_ports(
    processes: Iterable[psutil.Process],
    connections: Callable[[], Iterable[object]] = lambda: psutil.net_connections("tcp"),
) -> list[OpenPort]:
    """The TCP ports on which some processes listen, in order."""
    programs = {one.pid: one for one in processes}
    addresses: dict[int, set[str]] = {}
    owners: dict[int, set[str]] = {}
    for one in connections():
        pid = getattr(one, "pid", None)
        if getattr(one, "status", None) != psutil.CONN_LISTEN or pid not in programs:
            continue
        local = one.laddr  # type: ignore[attr-defined]
        addresses.setdefault(local.port, set()).add(local.ip.partition("%")[0])
        with contextlib.suppress(psutil.Error):
            owners.setdefault(local.port, set()).add(programs[pid].name())
    return [
        OpenPort(port, tuple(sorted(addresses[port])), ", ".join(sorted(owners.get(port, ()))))
        for port in sorted(addresses)
    ]


def of_ports(
    ports: Iterable[OpenPort], purposes: Mapping[int, tuple[str, Kind]], guards: Guards
) -> Iterator[Finding]:
    """A finding for each port; `purposes` say by number what a port is for, and for whom.

    What has no purpose is one of Ray's, which takes any free ports for its workers.
    """
    for one in ports:
        purpose, kind = purposes.get(one.port, (one.program, "ray"))
        subject = f"{one.port} {purpose}"
        if one.is_local:
            yield Finding("ok", "port", subject, one.reach)
            continue
        level, remedy = _judged(kind, guards)
        yield Finding(level, "port", subject, f"{one.reach}{_behind(kind, guards)}", remedy)


def _judged(kind: Kind, guards: Guards) -> tuple[Level, str]:
    if kind == "clients":
        if guards.access in {None, "off"}:
            return "problem", "set `access` in the gateway's args, or bind 127.0.0.1"
        if guards.access == "open":
            return "warning", "`access: {mode: open}` says so; is it meant?"
        return "ok", ""
    if kind == "inside":
        return "problem", "bind 127.0.0.1: nobody is asked there who they are"
    if guards.has_token:
        return "warning", "Ray asks for its token there, but not for metrics: a private network"
    return "problem", "start the cluster without --no-token: who reaches it can run code"


def _behind(kind: Kind, guards: Guards) -> str:
    if kind == "clients" and guards.access not in {None, "off"}:
        return f"; access: {guards.access}"
    return ""
