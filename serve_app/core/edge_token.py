"""The token by which a gateway knows what HAProxy says of a client from what a client claims.

HAProxy takes the headers of `CLAIMS` away from every request, sets those that it vouches for, and
shows the token behind them. Whoever else reaches a gateway's port cannot show it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path

from serve_app.errors import ServerFault

EDGE_HEADER = "x-serve-app-edge"
"""What the token is shown in; gateways take it away before anything else sees the request."""
EDGE_VARIABLE = "SERVE_APP_EDGE_TOKEN_PATH"
"""The file with the token, in the environment of clusters that serve-app started."""
SOURCE_HEADER = "x-forwarded-for"
SCHEME_HEADER = "x-forwarded-proto"
CERTIFICATE_NAME_HEADER = "x-client-cn"
"""The common name of the client certificate that HAProxy has verified."""
CERTIFICATE_SUBJECT_HEADER = "x-client-dn"
"""All of its subject in the order of RFC 2253, as `CN=batch,O=Example,C=DE`."""
CERTIFICATE_DIGEST_HEADER = "x-client-sha256"
"""The SHA-256 of the whole certificate (DER), in lower-case hexadecimal digits."""
CLAIM_PREFIXES = ("x-forwarded-", "x-client-")
CLAIMS = ("forwarded", "x-real-ip")
"""With what begins as `CLAIM_PREFIXES` does: headers that say who asks, and how."""


class EdgeToken:
    """The token that is expected; it never shows in logs."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def matches(self, shown: bytes) -> bool:
        """Whether this is the token; how long that takes does not tell how much of it is right."""
        return hmac.compare_digest(self._value, shown)

    def __repr__(self) -> str:
        return "EdgeToken(***)"


def read_edge_token(environment: Mapping[str, str]) -> EdgeToken | None:
    """The token of the cluster that started this process; none where no HAProxy stands before it.

    Raises:
        ServerFault: its file cannot be read, or is empty.
    """
    place = environment.get(EDGE_VARIABLE)
    if not place:
        return None
    try:
        value = Path(place).read_bytes().strip()
    except OSError as error:
        msg = f"the file {place}, which {EDGE_VARIABLE} names, cannot be read: {error.strerror}"
        raise ServerFault(msg) from None
    if not value:
        raise ServerFault(f"the file {place}, which {EDGE_VARIABLE} names, is empty")
    return EdgeToken(value)
