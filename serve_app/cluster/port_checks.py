"""Ports are free before Ray is started on them, or it is said who has them."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Mapping

import psutil

from serve_app.errors import Conflict, InvalidInput


def require_free(node_ip: str, ports: Mapping[str, int]) -> None:
    """Let ports pass, by what they are for, that can be taken on an address of this machine.

    Raises:
        Conflict: a port is taken; names it and who has it.
        InvalidInput: a number is no port or stands twice, or the address is none of this machine.
    """
    _require_different(ports)
    for purpose, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((node_ip, port))
            except OverflowError:
                msg = (
                    f"port {port} ({purpose}) is none; ports go from 1 to 65535 (--http-port, "
                    "--dashboard-port, --internal-ports and the ten after it)"
                )
                raise InvalidInput(msg, port=port) from None
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    msg = f"{node_ip} is no address of this machine; give one with --node-ip"
                    raise InvalidInput(msg) from None
                msg = (
                    f"port {port} ({purpose}) is taken by {_owner(port)}; stop that, or "
                    "choose others with --http-port, --dashboard-port, --internal-ports"
                )
                raise Conflict(msg, port=port) from None


def require_free_port(port: int, purpose: str, option: str) -> None:
    """Let a port of 127.0.0.1 pass that can be taken; `option` is how another one is chosen.

    Raises:
        Conflict: it is taken; says by whom.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            msg = (
                f"port {port} ({purpose}) is taken by {_owner(port)}; stop that, or choose "
                f"another with {option}"
            )
            raise Conflict(msg, port=port) from None


def _require_different(ports: Mapping[str, int]) -> None:
    purposes: dict[int, str] = {}
    for purpose, port in ports.items():
        other = purposes.setdefault(port, purpose)
        if other != purpose:
            msg = (
                f"port {port} would be taken twice, for {other} and for {purpose}; choose others "
                "with --http-port, --dashboard-port, --internal-ports"
            )
            raise InvalidInput(msg, port=port)


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"
