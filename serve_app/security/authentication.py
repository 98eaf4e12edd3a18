"""Everything that a gateway believes of who asks, by what is configured and the newest snapshot."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from serve_app.config.access import AccessSettings, PrincipalSettings, TokenSettings
from serve_app.core.access import NOBODY, Access
from serve_app.core.caller import Caller
from serve_app.core.detail import detail_of
from serve_app.core.extras import missing
from serve_app.core.grants import grants_of
from serve_app.core.ports import Clock
from serve_app.errors import ConfigError
from serve_app.security.authenticators import Credential, Header, Known
from serve_app.security.budget import Budget
from serve_app.security.keys import PREFIX, KeyRing

FAILURES_AT_ONCE = 20.0
FAILURES_PER_S = 1.0
"""How many unknown keys a source may show."""
CHECKS_AT_ONCE = 200.0
CHECKS_PER_S = 20.0
"""How many tokens that are not in order a source may have checked, at up to 300 µs each."""
MOST_RECALLED = 1000
"""So many headers that were in order are known again as they came."""
LOOK_PAUSE_S = 1.0
"""How often at most it is looked whether the file of an issuer's keys is another one."""
logger = logging.getLogger("serve_app.security")


class Authentication:
    """Implements `Authenticator` by whatever proves who one is: keys, tokens, certificates."""

    def __init__(
        self,
        *,
        has_keys: bool,
        tokens: TokenReading | None,
        certificates: Mapping[str, PrincipalSettings],
        clock: Callable[[], float],
        monotonic: Clock,
        failures: Budget,
    ) -> None:
        self._has_keys = has_keys
        self._tokens = tokens
        self._certificates = {subject: _caller(one) for subject, one in certificates.items()}
        self._clock = clock
        self._monotonic = monotonic
        self._failures = failures
        self._access: Access | None = None
        self._keys = KeyRing((), clock, failures)
        self._recalled: dict[Header, Known] = {}

    def follow(self, access: Access) -> None:
        """Take who has keys now; nothing is built anew where that is as before."""
        former, self._access = self._access, access
        self._recalled = {}
        if self._has_keys and (former is None or former.keys != access.keys):
            self._keys = KeyRing(access.keys, self._clock, self._failures)
        if self._tokens is not None and former != access:
            self._tokens.follow(access)

    def authenticate(self, credential: Credential) -> Caller | None:
        """Who shows it; nobody where it is unknown, or of a kind that does not count here.

        Raises:
            Overloaded: too many that are not valid came from there.
        """
        kind = credential.kind
        if kind == "key" or credential.value.startswith(PREFIX):
            known = self._keys.known(credential)
        elif kind == "token" and self._tokens is not None:
            known = self._tokens.known(credential)
        elif kind == "certificate":
            return self._certificates.get(credential.value)
        else:
            self._failures.spend(credential.source)
            return None
        if known is None:
            return None
        if credential.shown is not None:
            if len(self._recalled) >= MOST_RECALLED:
                self._recalled = {}
            self._recalled[credential.shown] = known
        return known.caller

    def recall(self, shown: Header) -> Caller | None:
        """Who showed exactly this header before, as long as that counts.

        A key that is revoked is not recalled, as all headers are forgotten with each snapshot.
        """
        known = self._recalled.get(shown)
        if known is None:
            return None
        caller, begins_s, ends_s, until_s = known
        counts = begins_s <= self._clock() < ends_s
        if counts and (until_s is None or self._monotonic() < until_s):
            return caller
        del self._recalled[shown]
        return None

    def claims(self, token: str, audience: str) -> Mapping[str, Any] | None:
        """What a token of the issuer says that is in order, for an audience of its own."""
        return None if self._tokens is None else self._tokens.claims(token, audience)


def _caller(one: PrincipalSettings) -> Caller:
    detail = None if one.detail is None else detail_of(one.detail)
    return Caller(one.name, one.tenant, grants_of(one.scopes, one.endpoints), detail)


class TokenReading:
    """Tokens of an issuer whose keys are in a file, or come with the snapshot.

    `wanted` is called where a token names a key that nobody knows here.
    """

    def __init__(
        self,
        settings: TokenSettings,
        *,
        clock: Callable[[], float],
        monotonic: Clock,
        wanted: Callable[[], None],
    ) -> None:
        try:
            from serve_app.security.tokens import TokenVerifier  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ConfigError(missing(error) or str(error)) from error
        self._address = settings.address
        self._file = Path(settings.keys)
        self._monotonic = monotonic
        self._verifier = TokenVerifier(
            settings,
            clock=clock,
            monotonic=monotonic,
            checks=Budget(burst=CHECKS_AT_ONCE, per_s=CHECKS_PER_S, clock=monotonic),
            unknown_key=wanted,
        )
        self._stamp: tuple[int, int] | None = None
        self._next_look_s = 0.0
        if self._address is None:
            self._stamp = _stamp(self._file)
            self._verifier.follow(_read(self._file))

    def follow(self, access: Access) -> None:
        """Take the issuer's keys of the newest snapshot, where they are in it."""
        document = access.token_keys.get(self._address or "")
        if document is not None:
            self._take(lambda: document)

    def known(self, credential: Credential) -> Known | None:
        """Whose token it is; raises as `TokenVerifier` does.

        Where the issuer's keys are in a file, it counts until that is looked at next.
        """
        self._look_now_and_then()
        known = self._verifier.known(credential)
        if self._address is not None or known is None or known.until_s is None:
            return known
        return known._replace(until_s=min(known.until_s, self._next_look_s))

    def claims(self, token: str, audience: str) -> Mapping[str, Any] | None:
        """What a token says that is in order, for an audience of its own."""
        self._look_now_and_then()
        return self._verifier.claims(token, audience)

    def _look_now_and_then(self) -> None:
        if self._address is None:
            now_s = self._monotonic()
            if now_s >= self._next_look_s:
                self._next_look_s = now_s + LOOK_PAUSE_S
                self._look()

    def _look(self) -> None:
        stamp = _stamp(self._file)
        if stamp != self._stamp and stamp is not None:
            self._stamp = stamp
            self._take(lambda: _read(self._file))

    def _take(self, read: Callable[[], Mapping[str, Any]]) -> None:
        """Let new keys count; where they are none, those of before go on."""
        try:
            self._verifier.follow(read())
        except ConfigError as error:
            logger.error("the issuer's keys of before go on", extra={"why": error.message})


def authenticator_of(
    settings: AccessSettings,
    *,
    clock: Callable[[], float],
    monotonic: Clock,
    wanted: Callable[[], None],
) -> Authentication | None:
    """What knows callers as the settings say; none where nobody is asked who they are.

    It knows no key before it has followed a snapshot. `clock` gives seconds since 1970,
    `monotonic` those of a clock that nobody sets; `wanted` is called where the issuer of tokens
    may have keys that are not known here.

    Raises:
        ConfigError: the file of the issuer's keys is none, or the extra `tokens` is missing.
    """
    if not settings.is_required:
        return None
    tokens = None
    if settings.tokens is not None and settings.mode != "keys":
        tokens = TokenReading(settings.tokens, clock=clock, monotonic=monotonic, wanted=wanted)
    certificates = settings.certificates
    made = Authentication(
        has_keys=settings.mode != "tokens",
        tokens=tokens,
        certificates={} if certificates is None else certificates.principals,
        clock=clock,
        monotonic=monotonic,
        failures=Budget(burst=FAILURES_AT_ONCE, per_s=FAILURES_PER_S, clock=monotonic),
    )
    made.follow(NOBODY)
    return made


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _read(file: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        msg = f"the issuer's keys {file} cannot be read: {error}"
        raise ConfigError(msg) from None
    if not isinstance(document, dict):
        raise ConfigError(f"{file} is no JWKS")
    return document
