"""What every way of proving who one is has in common."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from serve_app.core.caller import Caller

Header = tuple[bytes, bytes]
"""The name of a header, and what is in it."""


class Credential(NamedTuple):
    """What a client proves itself with.

    `kind` says how it came: `key` (an API key, in whichever header), `token` (a JSON Web Token
    after `Bearer`) or `certificate` (the subject of a client certificate, from the proxy that
    has verified it). `source` is the address that it came from, None where that is known later.
    `shown` is the header in which it came, where whoever is known by it may be recalled by that.
    """

    kind: str
    value: str
    source: str | None = ""
    shown: Header | None = None


class Known(NamedTuple):
    """Who is known by a credential, and when: from and to in seconds since 1970.

    `until_s` is a moment of a clock that nobody sets, from which on it is looked at anew; None
    where there is none.
    """

    caller: Caller
    begins_s: float = 0.0
    ends_s: float = float("inf")
    until_s: float | None = None


class Authenticator(Protocol):
    """Knows principals by their credentials. Asked with each request: it may not wait."""

    def authenticate(self, credential: Credential) -> Caller | None:
        """Who proves to be whom; nobody where a credential is unknown, wrong, expired or revoked.

        Raises:
            Overloaded: so many credentials that cost time to check came from there that this one
                is not looked at.
            SourceUnknown: it is not known yet from where it came, and that has to be.
        """
        ...

    def recall(self, shown: Header) -> Caller | None:
        """Who showed exactly this header before, where `authenticate` would know them by it now.

        Nobody where that takes a look.
        """
        ...
