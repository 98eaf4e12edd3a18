"""How gateways and replicas of one machine speak over a socket: frames of a head and a pickle."""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple, cast

ASK, GIVE_UP, ANSWER, REFUSE, LEAVE = range(5)
"""A call, nobody waits for it any more, its answer, its error; and no calls are taken any more."""
HEAD = struct.Struct("<IQB")
_NAME = "sa-{}"
_CREDENTIALS = struct.Struct("3i")
IS_SAFE = hasattr(socket, "SO_PEERCRED")
"""Whether this system says whose the other end of a connection is."""
PATH_BYTES = 107
"""So long the path of a Unix socket may be on Linux."""


class Frame(NamedTuple):
    """One message about the call of some number."""

    kind: int
    number: int
    content: bytes


def packed(kind: int, number: int, content: bytes = b"") -> bytes:
    """A message as it is sent."""
    return HEAD.pack(len(content), number, kind) + content


class Frames:
    """Puts messages together from what arrives."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The messages that are whole with this."""
        whole = self._rest + data if self._rest else data
        at = 0
        while len(whole) - at >= HEAD.size:
            size, number, kind = HEAD.unpack_from(whole, at)
            end = at + HEAD.size + size
            if end > len(whole):
                break
            yield Frame(kind, number, whole[at + HEAD.size : end])
            at = end
        self._rest = whole[at:]


def name_of(replica: str) -> str:
    """The name of the socket of a replica."""
    return _NAME.format(replica)


def of_own_user(transport: asyncio.BaseTransport) -> asyncio.Transport | None:
    """The connection where both its ends are of one user; it is closed where they are not.

    Folders of sockets may be open to others, who could put one of theirs there; and what comes is
    unpickled.
    """
    # uvloop's transports are none of asyncio's classes.
    stream = cast("asyncio.Transport", transport)
    peer: socket.socket = stream.get_extra_info("socket")
    _, user, _ = _CREDENTIALS.unpack(
        peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    if user == os.geteuid():
        return stream
    stream.abort()
    return None
