"""Sockets that gateways and single processes listen on."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from serve_app.errors import ConfigError

_BACKLOG = 1024


def listening_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens on an address, which processes of one user may share.

    Raises:
        OSError: the address cannot be taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay only where the protocol is named.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.listen(_BACKLOG)
    listening.setblocking(False)
    return listening


def port_of(environment: Mapping[str, str], variable: str) -> int:
    """The port that a variable names.

    Raises:
        ConfigError: what stands there is no port.
    """
    text = environment[variable]
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise ConfigError(f"{variable} must be a port, got {text[:20]!r}")
    return int(text)
