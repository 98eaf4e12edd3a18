"""A login by OpenID Connect: what is asked of the provider, and what of its answer counts.

The authorization code flow with PKCE (RFC 7636): a browser that begins carries away, sealed, what
nobody else has: a `state` that the provider gives back, a `nonce` that must be in the ID token, and
the verifier without which the code is worth nothing. So an answer fits one browser, once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from serve_app.errors import ConfigError, Unauthenticated

LOGIN_S = 600.0
"""How long somebody may take to log in at the provider."""
_RANDOM_BYTES = 32
_METHOD = "S256"
REFUSED = "the provider's answer does not fit this login: begin again"


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider lets people log in, and where it gives tokens for a code."""

    issuer: str
    authorization: str
    token: str


def provider_of(document: Mapping[str, Any], issuer: str) -> Provider:
    """A provider by what it says of itself (OpenID Connect Discovery).

    Raises:
        ConfigError: it is another issuer, has no such addresses, or cannot do PKCE.
    """
    if document.get("issuer") != issuer:
        shown = str(document.get("issuer"))[:200]
        msg = f"the provider says that it is the issuer {shown!r}, and `tokens` wants {issuer!r}"
        raise ConfigError(msg)
    methods = document.get("code_challenge_methods_supported", [_METHOD])
    if not isinstance(methods, list) or _METHOD not in methods:
        raise ConfigError(f"the provider does not take PKCE with {_METHOD}")
    names = ("authorization_endpoint", "token_endpoint")
    places = [str(document.get(name, "")) for name in names]
    for name, place in zip(names, places, strict=True):
        parts = urlsplit(place)
        if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
            raise ConfigError(f"the provider's {name} is no https address")
    return Provider(issuer, *places)


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that somebody has begun; `following` is where they want to go on to."""

    state: str
    nonce: str
    verifier: str
    following: str

    def to_json(self) -> dict[str, str]:
        """Its fields as JSON."""
        return asdict(self)


def begin(following: str, random_bytes: Callable[[int], bytes]) -> Begun:
    """A login of which nobody can guess anything."""
    state, nonce, verifier = (_text(random_bytes(_RANDOM_BYTES)) for _ in range(3))
    return Begun(state, nonce, verifier, following)


@dataclass(frozen=True, slots=True)
class Client:
    """Who the console is at the provider, and where people come back to."""

    client_id: str
    redirect_uri: str
    scopes: Sequence[str]
    secret: str | None = None


def authorization_address(provider: Provider, client: Client, begun: Begun) -> str:
    """Where a browser goes to log in."""
    challenge = _text(hashlib.sha256(begun.verifier.encode()).digest())
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *client.scopes))),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": _METHOD,
        }
    )
    mark = "&" if urlsplit(provider.authorization).query else "?"
    return f"{provider.authorization}{mark}{query}"


def code_of(answer: Mapping[str, str], begun: Begun, provider: Provider) -> str:
    """The code with which a browser came back.

    Raises:
        Unauthenticated: it is another login's answer, another issuer's (RFC 9207), or has no code.
    """
    own = answer.get("state", "").encode("utf-8", "replace")
    if not hmac.compare_digest(own, begun.state.encode()):
        raise Unauthenticated(REFUSED)
    if answer.get("iss", provider.issuer) != provider.issuer or not answer.get("code"):
        raise Unauthenticated(REFUSED)
    return answer["code"]


def token_form(client: Client, begun: Begun, code: str) -> dict[str, str]:
    """What is sent to the provider for its tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "client_id": client.client_id,
        "code_verifier": begun.verifier,
    }
    return form if client.secret is None else {**form, "client_secret": client.secret}


def subject_of(claims: Mapping[str, Any] | None, begun: Begun, client: Client) -> str:
    """Who an ID token names; `claims` are those of one that is in order, for this client.

    Raises:
        Unauthenticated: it is not in order, or of another login or client.
    """
    if claims is None:
        raise Unauthenticated(REFUSED)
    nonce, subject = claims.get("nonce"), claims.get("sub")
    if not isinstance(nonce, str) or not isinstance(subject, str):
        raise Unauthenticated(REFUSED)
    if not hmac.compare_digest(nonce.encode("utf-8", "replace"), begun.nonce.encode()):
        raise Unauthenticated(REFUSED)
    audiences = claims.get("aud")
    if claims.get("azp", client.client_id) != client.client_id or (
        isinstance(audiences, list) and len(audiences) > 1 and "azp" not in claims
    ):
        raise Unauthenticated(REFUSED)
    return subject


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
