"""API keys: how they are made and written, and who they belong to.

A key is `sa_<id>_<secret>_<checksum>`: a prefix that scanners for secrets find, an id that logs may
show, 256 random bits in base64url, and the CRC-32 of all before it in hex, by which a typing error
is noticed without knowing any key. So many random bits need no slow hash: SHA-256 of the whole key
is kept, and a key is known by looking that up, which takes as long for a key that is nearly right
as for any other.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable

from serve_app.core.access import KeyRecord
from serve_app.core.caller import Caller
from serve_app.core.detail import detail_of
from serve_app.core.grants import grants_of
from serve_app.errors import InvalidInput
from serve_app.security.authenticators import Credential, Known
from serve_app.security.budget import Budget

PREFIX = "sa_"
ID_DIGITS = 10
SECRET_BYTES = 32
MOST_CHARACTERS = 200
_KEY = re.compile(r"sa_([0-9a-f]{10})_[A-Za-z0-9_-]{43}_([0-9a-f]{8})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")


def new_key(random_bytes: Callable[[int], bytes]) -> tuple[str, str]:
    """The id of a new key, and the key itself, of bytes that `random_bytes` draws."""
    identity = random_bytes(ID_DIGITS // 2).hex()
    secret = base64.urlsafe_b64encode(random_bytes(SECRET_BYTES)).decode().rstrip("=")
    body = f"{PREFIX}{identity}_{secret}"
    return identity, f"{body}_{_checksum(body)}"


def digest_of(key: str) -> str:
    """What is kept of a key: its SHA-256, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def id_in(text: str) -> str | None:
    """The id within what is written as a key is; none where it is not, or was mistyped."""
    match = _KEY.fullmatch(text)
    if match is None or match[2] != _checksum(text[: -len(match[2]) - 1]):
        return None
    return match[1]


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _caller(record: KeyRecord) -> Caller:
    grants = grants_of(record.scopes, record.endpoints)
    return Caller(record.principal, record.tenant, grants, record.own_detail)


def check(record: KeyRecord) -> None:
    """Return if a record can stand.

    Raises:
        InvalidInput: its principal or tenant is no name, it grants nothing, it ends before it
            begins, or its detail is none.
    """
    if record.detail:
        detail_of(record.detail)
    for what, name in (("principal", record.principal), ("tenant", record.tenant or "-")):
        if name != "-" and _NAME.fullmatch(name) is None:
            msg = (
                f"{name[:80]!r} is no name of a {what}: up to 100 letters, digits, `_`, `.`, `@` "
                "and `-`, the first a letter or digit"
            )
            raise InvalidInput(msg)
    if not grants_of(record.scopes, record.endpoints).all:
        raise InvalidInput("a key needs a scope, such as predict, read:metadata or admin:weights")
    begins, ends = record.not_before_s or record.created_at_s, record.expires_at_s
    if ends is not None and ends <= begins:
        raise InvalidInput("the key would expire before it is valid")


class KeyRing:
    """Knows principals by their API keys. `clock` gives seconds since 1970.

    Keys that are not known cost `failures` by the source that they come from; one that is valid
    is let in wherever it comes from.
    """

    def __init__(
        self, records: Iterable[KeyRecord], clock: Callable[[], float], failures: Budget
    ) -> None:
        self._clock = clock
        self._failures = failures
        self._known = {
            bytes.fromhex(one.digest): Known(
                _caller(one),
                one.not_before_s or 0.0,
                float("inf") if one.expires_at_s is None else one.expires_at_s,
            )
            for one in records
            if one.disabled_at_s is None
        }

    def known(self, credential: Credential) -> Known | None:
        """Whose key it is; nobody's where it is unknown, mistyped, revoked or out of its time.

        Raises:
            Overloaded: too many keys that are not known came from there.
        """
        try:
            known = self._known.get(hashlib.sha256(credential.value.encode()).digest())
        except UnicodeEncodeError:
            known = None
        if known is not None and known.begins_s <= self._clock() < known.ends_s:
            return known
        self._failures.spend(credential.source)
        return None
