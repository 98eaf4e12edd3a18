"""How a gateway knows who asks: by its config, the newest snapshot, and an issuer's keys."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.config.access import AccessSettings
from serve_app.core.access import NOBODY, Access
from serve_app.core.snapshot import Snapshot
from serve_app.core.supervisor import Supervisor
from serve_app.gateway.access import Count, Gate
from serve_app.security.authentication import Authentication, authenticator_of
from serve_app.serving.control_client import ControlCaller
from serve_app.serving.issuer import Issuer
from serve_app.serving.keys_in_file import KeysInFile

LOOK_PERIOD_S = 300.0
"""How often an issuer is asked which keys it has withdrawn, though none is missing."""

SHORTEST_PAUSE_S = 1.0
"""How soon control is asked again; it asks the issuer itself once a minute at most."""


class Knowing:
    """Who is known in a gateway; `authenticator` is None where everybody may ask.

    Raises:
        ConfigError: tokens, or the file of keys, cannot be read here.
    """

    def __init__(self, settings: AccessSettings) -> None:
        self._wanted = asyncio.Event()
        tokens = settings.tokens
        self._issuer: Issuer | None = None
        if tokens is not None and tokens.address is not None and settings.mode != "keys":
            self._issuer = Issuer(tokens.address, tokens.private_address, tokens.ca_file)
        self._certificates = settings.certificates
        self._access: Access = NOBODY
        file = settings.keys_file
        self._file = None if file is None else KeysInFile(file)
        self.authenticator: Authentication | None = authenticator_of(
            settings, clock=time.time, monotonic=time.monotonic, wanted=self._wanted.set
        )

    def gate(
        self, count: Count, environment: Mapping[str, str], hosts: Sequence[str] = ()
    ) -> Gate | None:
        """What stands before everything that is answered; none where everybody may ask.

        `count` is told of what is refused; where there are `hosts`, all others are.
        """
        if self.authenticator is None:
            return None
        health_route = environment.get("AIP_HEALTH_ROUTE")
        return Gate(
            self.authenticator,
            count,
            certificates=self._certificates is not None,
            must_show=self._certificates is not None and self._certificates.require,
            health_route=health_route,
            hosts=hosts,
        )

    def claims(self, token: str, audience: str) -> Mapping[str, Any] | None:
        """What a token of the issuer says that is in order, for an audience of its own."""
        return None if self.authenticator is None else self.authenticator.claims(token, audience)

    def follow(self, snapshot: Snapshot) -> None:
        """Take who has keys now."""
        self._access = snapshot.access
        self._take()

    def _take(self) -> None:
        if self.authenticator is None:
            return
        if self._file is None:
            self.authenticator.follow(self._access)
            return
        known = (*self._access.keys, *self._file.records)
        self.authenticator.follow(self._access.with_keys(known, time.time()))

    def start(self, tasks: Supervisor, control: ControlCaller) -> None:
        """Follow a file of keys, and let control fetch an issuer's, where there are such."""
        file = self._file
        if file is not None:
            tasks.start("follow the file of keys", lambda: file.follow(self._take))
        issuer = self._issuer
        if issuer is not None:
            tasks.start("follow the issuer's keys", lambda: self._follow(issuer, control))

    async def _follow(self, issuer: Issuer, control: ControlCaller) -> None:
        """Ask control again whenever a key is wanted, and now and then; for ever."""
        while True:
            self._wanted.clear()
            await control.follow_issuer(issuer)
            await asyncio.sleep(SHORTEST_PAUSE_S)
            try:
                async with asyncio.timeout(LOOK_PERIOD_S):
                    await self._wanted.wait()
            except TimeoutError:
                continue
