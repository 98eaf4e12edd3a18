"""What every way of proving who one is has in common."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from serve_app.core.caller import Caller


class Credential(NamedTuple):
    """What a client proves itself with.

    `kind` says how it came: `key` (an API key, in whichever header), `token` (a JSON Web Token
    after `Bearer`) or `certificate` (the subject of a client certificate, from the proxy that
    has verified it). `source` is the address that it came from, None where that is known later.
    """

    kind: str
    value: str
    source: str | None = ""


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
