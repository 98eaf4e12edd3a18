"""Who may ask a process without a cluster: whoever has a key of a file, or a token."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from serve_app.config import AccessSettings
from serve_app.core.access import NOBODY
from serve_app.core.caller import Caller
from serve_app.core.ports import Clock
from serve_app.errors import ConfigError
from serve_app.security.authentication import Authentication, authenticator_of
from serve_app.security.authenticators import Authenticator, Credential, Header
from serve_app.storage.keys_file import KeysFile

LOOK_PAUSE_S = 1.0
"""How often at most it is looked whether a file of keys is another one."""
logger = logging.getLogger("serve_app.standalone")


class FileKeys:
    """Implements `Authenticator` by a file of keys, which is read again when it changes.

    `clock` gives seconds since 1970, `monotonic` those of a clock that nobody sets.

    Raises:
        ConfigError: there is no such file, or it is none of keys.
    """

    def __init__(
        self,
        file: KeysFile,
        known: Authentication,
        *,
        clock: Callable[[], float],
        monotonic: Clock,
    ) -> None:
        self._file = file
        self._known = known
        self._clock = clock
        self._monotonic = monotonic
        if not file.path.is_file():
            msg = (
                f"there is no file of keys {file.path}; make one with "
                f"`serve-app keys create NAME --scope predict --file {file.path}`"
            )
            raise ConfigError(msg)
        self._next_look_s = monotonic() + LOOK_PAUSE_S
        self._stamp = file.stamp()
        self._take()

    def authenticate(self, credential: Credential) -> Caller | None:
        """Whose credential it is; raises as `Authentication` does."""
        now_s = self._monotonic()
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_PAUSE_S
            stamp = self._file.stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                self._take_again()
        return self._known.authenticate(credential)

    def recall(self, shown: Header) -> Caller | None:
        """Who showed this before; nobody where the file is to be looked at first."""
        if self._monotonic() >= self._next_look_s:
            return None
        return self._known.recall(shown)

    def _take(self) -> None:
        self._known.follow(NOBODY.with_keys(self._file.all(), self._clock()))

    def _take_again(self) -> None:
        """Let a file that changed count; one that is gone or broken lets nobody new in."""
        try:
            self._take()
        except ConfigError as error:
            logger.error("the keys of before go on", extra={"why": error.message})


def callers_of(
    settings: AccessSettings,
    keys_file: str | None,
    *,
    clock: Callable[[], float],
    monotonic: Clock,
) -> Authenticator | None:
    """What knows who asks; none where everybody may. A file of keys alone is `mode: keys`.

    `keys_file` counts in place of the one that the settings name.

    Raises:
        ConfigError: the settings need a file of keys and there is none, or the other way round.
    """
    keys_file = keys_file or settings.keys_file
    if settings.mode == "off" and keys_file is not None:
        settings = AccessSettings(mode="keys")
    needs_file = settings.mode in {"keys", "any"}
    if needs_file and keys_file is None:
        msg = f"`access: {{mode: {settings.mode}}}` needs a file of keys: --keys-file keys.json"
        raise ConfigError(msg)
    if not needs_file and keys_file is not None:
        msg = f"with `access: {{mode: {settings.mode}}}` nobody is asked for the keys of a file"
        raise ConfigError(msg)
    tokens = settings.tokens
    if settings.is_required and tokens is not None and tokens.address is not None:
        msg = "one process fetches no keys of an issuer: give `tokens` a file as `keys`"
        raise ConfigError(msg)
    known = authenticator_of(settings, clock=clock, monotonic=monotonic, wanted=_nothing)
    if known is None or keys_file is None:
        return known
    return FileKeys(KeysFile(Path(keys_file)), known, clock=clock, monotonic=monotonic)


def _nothing() -> None:
    """A file is looked at again by itself."""
