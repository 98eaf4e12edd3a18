"""What is asked of the HAProxy processes of a cluster on this machine while they run."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

_SOCKETS = ("admin.sock", "stand-in.sock")
"""Of Serve's HAProxy and of one that stands in for it, in a folder of each manager's own."""
_TIMEOUT_S = 10.0


def sockets(folder: Path) -> list[Path]:
    """The admin sockets below a cluster's folder; nobody need listen there any more."""
    return [one for name in _SOCKETS for one in sorted((folder / "p").rglob(name))]


def command(path: Path, text: str) -> str | None:
    """What HAProxy answers to a command; none where nobody listens at its socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as one:
        one.settimeout(_TIMEOUT_S)
        one.connect(os.fspath(path))
        one.sendall(text.encode())
        one.shutdown(socket.SHUT_WR)
        answer = b""
        while part := one.recv(65536):
            answer += part
        return answer.decode(errors="replace")
    return None
