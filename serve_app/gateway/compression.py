"""Compresses answers for clients that take it: predictions alone, and only long ones.

Metadata and errors stay plain: tritonclient's asynchronous client asks for compressed ones and
cannot read them. Nothing but gzip and deflate is spoken, for the same reason.
"""

from __future__ import annotations

import zlib

LEVEL = 1
"""The quickest: an answer is sent once."""
_WRAPPERS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


def encoding(accepted: str) -> str | None:
    """The encoding to answer in, of those that `Accept-Encoding` names; none for plain."""
    refused: set[str] = set()
    taken: list[str] = []
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        quality = parameters.strip().removeprefix("q=").strip()
        zero = parameters.strip().startswith("q=") and quality.strip("0.") == ""
        (refused.add if zero else taken.append)(name.strip().removeprefix("x-"))
    if "*" in taken:
        taken.append("gzip")
    return next((name for name in _WRAPPERS if name in taken and name not in refused), None)


def negotiated(body: bytes, accepted: str) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """A long body as a client with this `Accept-Encoding` takes it, and the headers that say so."""
    vary = (b"vary", b"accept-encoding")
    name = encoding(accepted)
    if name is None:
        return body, (vary,)
    return packed(body, name), ((b"content-encoding", name.encode()), vary)


def packed(body: bytes, name: str) -> bytes:
    """The body in an encoding that `encoding` gave."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _WRAPPERS[name])
    return packer.compress(body) + packer.flush()
