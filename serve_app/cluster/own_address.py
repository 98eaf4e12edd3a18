"""The address at which other machines find this one."""

from __future__ import annotations

import socket

from serve_app.errors import InvalidInput

AUTO = "auto"
_ELSEWHERE = "192.0.2.1"
"""An address that nobody has; the way to it is the way to everywhere else."""


def own_address(toward: str | None = None) -> str:
    """This machine's address on the way to a host, by default to everywhere else.

    Nothing is sent.

    Raises:
        InvalidInput: there is no way there; says to name the address.
    """
    host = toward or _ELSEWHERE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError as error:
            where = f"to {host}" if toward else "to other machines"
            msg = f"this machine has no way {where} ({error}); give its address with --node-ip"
            raise InvalidInput(msg) from None
        address: str = probe.getsockname()[0]
        return address
