"""JSON Web Tokens (RFC 7519): whose they are, checked once and then remembered for a while.

What an issuer's keys are decides which algorithm counts, never the token (RFC 8725): a token that
names another one, brings a key, names a place of keys or has extensions that must be understood is
nobody's, and no file or address of it is ever looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.algorithms import get_default_algorithms

from serve_app.config.access import TokenSettings
from serve_app.core.caller import Caller
from serve_app.core.detail import detail_of
from serve_app.core.grants import Grants, grants_of
from serve_app.core.ports import Clock
from serve_app.errors import ConfigError, InvalidInput
from serve_app.security.authenticators import Credential, Known
from serve_app.security.budget import Budget

MOST_BYTES = 8192
MOST_REMEMBERED = 10_000
REMEMBERED_S = 60.0
MOST_KEYS = 100
_MOST_TRIED = 4
_LEAST_RSA_BITS = 2048
_LONGEST_NAME = 200
_FOREIGN_KEYS = ("crit", "b64", "jku", "jwk", "x5u", "x5c")
_CURVES = {
    "P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",),
    "Ed25519": ("EdDSA",), "Ed448": ("EdDSA",),
}  # fmt: skip
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_HMAC = ("HS256", "HS384", "HS512")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key of an issuer, by the algorithms that it is for."""

    kid: str | None
    by_algorithm: Mapping[str, Any]


def keys_of(
    document: Mapping[str, Any], allowed: tuple[str, ...], *, secret: bool
) -> tuple[TokenKey, ...]:
    """The keys of a JWKS (RFC 7517) that may sign tokens by an allowed algorithm; others are not.

    Shared secrets count where `secret` says that the document is one.

    Raises:
        ConfigError: the document is no JWKS.
    """
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        msg = f"the issuer's keys are no JWKS of up to {MOST_KEYS} keys"
        raise ConfigError(msg)
    keys = (_key(one, allowed, secret=secret) for one in listed if isinstance(one, dict))
    return tuple(one for one in keys if one.by_algorithm)


def _key(body: Mapping[str, Any], allowed: tuple[str, ...], *, secret: bool) -> TokenKey:
    known, made = get_default_algorithms(), {}
    for name in _algorithms(body, secret=secret):
        if name in allowed and name in known:
            try:
                key = known[name].from_jwk(json.dumps(body))
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                continue
            if getattr(key, "key_size", _LEAST_RSA_BITS) >= _LEAST_RSA_BITS or name not in _RSA:
                made[name] = key
    kid = body.get("kid")
    return TokenKey(kid if isinstance(kid, str) else None, made)


def _algorithms(body: Mapping[str, Any], *, secret: bool) -> tuple[str, ...]:
    """What a key is for: what it says itself, within what keys of its kind can do."""
    operations = body.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    if body.get("use", "sig") != "sig" or not verifies or "d" in body:
        return ()
    kind, curve = str(body.get("kty")), str(body.get("crv"))
    fitting: tuple[str, ...] = ()
    if kind == "RSA":
        fitting = _RSA
    elif kind in {"EC", "OKP"}:
        fitting = _CURVES.get(curve, ())
    elif kind == "oct" and secret:
        fitting = _HMAC
    own = body.get("alg")
    return fitting if own is None else tuple(one for one in fitting if one == own)


class TokenVerifier:
    """Knows principals by tokens of one issuer.

    `clock` gives seconds since 1970, which tokens speak of, `monotonic` those of a clock that
    nobody sets. Tokens that are not remembered cost `checks` by the source that they come from,
    which those that are in order get back. `unknown_key` is called where a token names a key that
    nobody knows here: the issuer may have a new one.
    """

    def __init__(
        self,
        settings: TokenSettings,
        *,
        clock: Callable[[], float],
        monotonic: Clock,
        checks: Budget,
        unknown_key: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._checks = checks
        self._unknown_key = unknown_key
        self._keys: tuple[TokenKey, ...] = ()
        self._remembered: dict[bytes, Known] = {}

    def follow(self, document: Mapping[str, Any]) -> None:
        """Take what the issuer publishes now; what was remembered is checked again.

        Raises:
            ConfigError: it is no JWKS; the keys of before go on.
        """
        settings = self._settings
        self._keys = keys_of(document, settings.algorithms, secret=settings.address is None)
        self._remembered = {}

    def known(self, credential: Credential) -> Known | None:
        """Whose token it is; nobody's where anything is wrong with it.

        Raises:
            Overloaded: too many tokens that were not in order came from there.
        """
        try:
            written = credential.value.encode("ascii")
        except UnicodeEncodeError:
            written = b""
        digest = hashlib.sha256(written).digest()
        remembered = self._remembered.get(digest)
        if remembered is not None:
            until_s = remembered.until_s
            counts = self._clock() < remembered.ends_s
            if counts and (until_s is None or self._monotonic() < until_s):
                return remembered
            del self._remembered[digest]
        self._checks.spend(credential.source)
        if not written or len(written) > MOST_BYTES:
            return None
        claims = self._verified(credential.value, self._settings.audience)
        if claims is None:
            return None
        self._checks.give_back(credential.source)
        caller = self._caller(claims)
        if caller is None:
            return None
        ends_s = claims["exp"] + self._settings.leeway_s
        until_s = self._monotonic() + REMEMBERED_S
        if len(self._remembered) >= MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        known = self._remembered[digest] = Known(caller, ends_s=ends_s, until_s=until_s)
        return known

    def claims(self, token: str, audience: str) -> dict[str, Any] | None:
        """What a token says that is in order and for an audience of its own, such as a client."""
        if not token or len(token) > MOST_BYTES:
            return None
        return self._verified(token, audience)

    def _verified(self, token: str, audience: str) -> dict[str, Any] | None:
        """The claims of a token that an allowed key has signed and that counts now."""
        settings = self._settings
        for key, algorithm in self._candidates(token):
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=[algorithm],
                    audience=audience,
                    issuer=settings.issuer,
                    options={
                        "require": ["exp", "iss", "aud"],
                        # Its time is looked at below, by a clock that is handed in.
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                    },
                )
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                continue
            return claims if self._is_of_now(claims) else None
        return None

    def _candidates(self, token: str) -> Iterator[tuple[Any, str]]:
        """The keys that may have signed a token, each with the algorithm that it is for."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return
        algorithm, kid = header.get("alg"), header.get("kid")
        if any(name in header for name in _FOREIGN_KEYS) or not isinstance(algorithm, str):
            return
        named = [one for one in self._keys if kid is None or one.kid == kid]
        if not named:
            self._unknown_key()
        fitting = [one for one in named if algorithm in one.by_algorithm]
        for one in fitting[:_MOST_TRIED]:
            yield one.by_algorithm[algorithm], algorithm

    def _is_of_now(self, claims: Mapping[str, Any]) -> bool:
        """Whether a token has begun and not ended, by `exp`, `nbf` and `iat` where it has them."""
        now_s, leeway_s = self._clock(), self._settings.leeway_s
        times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        if not all(map(_is_time, times.values())):
            return False
        begins = [times[name] for name in ("nbf", "iat") if name in times]
        has_begun = all(begin <= now_s + leeway_s for begin in begins)
        return bool(has_begun and now_s < times["exp"] + leeway_s)

    def _caller(self, claims: Mapping[str, Any]) -> Caller | None:
        """Who a token names; nobody where it names none in a way that can be written down."""
        settings = self._settings
        subject, tenant = claims.get("sub"), claims.get(settings.tenant_claim, "")
        if not _is_name(subject) or not (tenant == "" or _is_name(tenant)):
            return None
        scopes = claims.get(settings.scope_claim, "")
        listed = scopes.split() if isinstance(scopes, str) else scopes
        detail = claims.get(settings.detail_claim)
        try:
            own = None if detail is None else detail_of(str(detail))
        except InvalidInput:
            # Nobody is told more for a claim that means nothing here.
            return None
        return Caller(f"{settings.prefix}{subject}", tenant, self._grants(listed), own)

    def _grants(self, scopes: Any) -> Grants:
        """What scopes of a token grant here; those that are none of ours grant nothing."""
        named = [one for one in scopes if isinstance(one, str)] if isinstance(scopes, list) else []
        meant = self._settings.scopes
        granted = {ours for one in named for ours in (meant.get(one, ()) if meant else (one,))}
        return grants_of(one for one in sorted(granted) if _is_scope(one))


def _is_time(value: Any) -> bool:
    # Beyond 2**53 a float is no whole second any more; that excludes infinity, too.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < 2**53


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()


def _is_scope(text: str) -> bool:
    try:
        grants_of([text])
    except InvalidInput:
        return False
    return True
