"""Sessions of browsers: what somebody proves to be known by, sealed into a cookie for an hour.

Nothing is kept here. A session holds the key or token that was shown, encrypted and authenticated
with AES-GCM, and every request proves itself with that anew: a key that is revoked ends its
sessions at once, and whoever reads the secret alone has no session. Forms carry a token that fits
their visit and session alone (an HMAC), so that no page of a stranger can send them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from serve_app.errors import ConfigError

SESSION_S = 3600.0
"""How long a session lasts, in seconds, whatever is done in it."""
MOST_CHARACTERS = 2500
"""Of a key or token; browsers keep cookies of at most 4,096 bytes."""
VISIT_BYTES = 16
_NONCE_BYTES = 12
_UNTIL = "until_s"
_LONGEST_COOKIE = 4096
_SEALING, _FORMS = b"serve-app console: sealing", b"serve-app console: forms"


class Sessions:
    """Seals and opens sessions, and makes the tokens of forms.

    `secret` is what all who share a port have. `clock` gives seconds since 1970, `random_bytes`
    draws so many bytes that nobody can guess.

    Raises:
        ConfigError: the package cryptography is missing.
    """

    def __init__(
        self, secret: bytes, *, clock: Callable[[], float], random_bytes: Callable[[int], bytes]
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self.take(secret)

    def take(self, secret: bytes) -> None:
        """Take another secret: what was sealed with the one before is opened no more."""
        self._cipher = _cipher(hmac.digest(secret, _SEALING, "sha256"))
        self._form_key = hmac.digest(secret, _FORMS, "sha256")

    def seal(self, credential: str) -> str:
        """A new session of whoever shows a credential, as the value of a cookie."""
        return self.seal_values({"credential": credential}, SESSION_S)

    def credential(self, session: str) -> str | None:
        """What a session was sealed with; none where it is over, changed, or none of ours."""
        values = self.values(session)
        return None if values is None else values["credential"]

    def seal_values(self, values: Mapping[str, str], lasts_s: float, purpose: str = "") -> str:
        """Texts that a browser keeps and nobody reads or changes, as the value of a cookie.

        They are opened for the same purpose alone: that of a session has no name.
        """
        body = json.dumps({**values, _UNTIL: self._clock() + lasts_s})
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed: bytes = nonce + self._cipher.encrypt(nonce, body.encode(), purpose.encode() or None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def values(self, sealed_text: str, purpose: str = "") -> dict[str, str] | None:
        """What was sealed for a purpose; none where it is over, changed, or none of ours."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra

        if len(sealed_text) > _LONGEST_COOKIE:
            return None
        padding = "=" * (-len(sealed_text) % 4)
        try:
            sealed = base64.b64decode(sealed_text + padding, b"-_", validate=True)
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            plain = self._cipher.decrypt(nonce, rest, purpose.encode() or None)
        except (InvalidTag, ValueError, binascii.Error):
            return None
        body: dict[str, Any] = json.loads(plain)
        return body if self._clock() < body.pop(_UNTIL) else None

    def visit(self) -> str:
        """A new visit, which tells nobody anything: the value of a cookie."""
        return self._random_bytes(VISIT_BYTES).hex()

    def form_token(self, visit: str, session: str) -> str:
        """What forms carry that are shown in a visit and a session, which may be empty."""
        return hmac.digest(self._form_key, f"{visit}|{session}".encode(), "sha256").hex()

    def is_form_token(self, token: str, visit: str, session: str) -> bool:
        """Whether a form was shown in this visit and session; never in a visit without a name."""
        expected = self.form_token(visit, session)
        return bool(visit) and hmac.compare_digest(token.encode(), expected.encode())


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "the console needs the package cryptography: pip install 'serve-app[ray]'"
        raise ConfigError(msg) from error
    return AESGCM(key)
