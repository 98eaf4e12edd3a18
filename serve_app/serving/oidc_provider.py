"""The provider of OpenID Connect at which people log in to the console."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from serve_app.config.access import AccessSettings, TokenSettings
from serve_app.config.console_login import OidcSettings
from serve_app.console.oidc_login import LoggedIn
from serve_app.errors import ConfigError, Unauthenticated
from serve_app.security.oidc import (
    REFUSED,
    Begun,
    Client,
    Provider,
    authorization_address,
    begin,
    code_of,
    provider_of,
    subject_of,
    token_form,
)
from serve_app.serving.issuer import Issuer, Refused, document_at

RETURN = "/console/login/return"
PROVIDER_KEPT_S = 300.0
"""How long what the provider says of itself counts."""
MOST_AT_ONCE = 4
Claims = Callable[[str, str], Mapping[str, Any] | None]
"""The claims of a token of the issuer that is in order, for an audience."""


class OidcProvider:
    """Implements `LoginProvider`: asks the provider of the settings, from threads.

    `claims` verifies its tokens, `random_bytes` draws so many bytes that nobody can guess.
    """

    def __init__(
        self,
        settings: OidcSettings,
        tokens: TokenSettings,
        claims: Claims,
        *,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._claims = claims
        self._random_bytes = random_bytes
        self._client = Client(
            settings.client_id, settings.address + RETURN, settings.scopes, settings.client_secret
        )
        self._latest: tuple[float, Provider] | None = None
        # Each login takes a thread for as long as the provider does; pages need some, too.
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    @property
    def host(self) -> str:
        """What people know it by."""
        return urlsplit(self._tokens.issuer).hostname or self._tokens.issuer

    async def begin(self, following: str) -> tuple[Begun, str]:
        """A login, and where a browser goes on with it.

        Raises:
            ConfigError: the provider is not the issuer of `tokens`, or cannot do this.
            Unavailable: it does not answer.
        """
        provider = await self._provider()
        begun = begin(following, self._random_bytes)
        return begun, authorization_address(provider, self._client, begun)

    async def finish(self, begun: Begun, answer: Mapping[str, str]) -> LoggedIn:
        """Who has logged in, by what a browser came back with.

        Raises:
            Unauthenticated: it does not fit the login that was begun, or the provider refuses it.
            Unavailable: the provider does not answer.
        """
        provider = await self._provider()
        code = code_of(answer, begun, provider)
        form = token_form(self._client, begun, code)
        async with self._room:
            try:
                given = await asyncio.to_thread(document_at, self._place(provider.token), form)
            except Refused:
                raise Unauthenticated(REFUSED) from None
        tokens = {name: str(given.get(name) or "") for name in ("id_token", "access_token")}
        claims = self._claims(tokens["id_token"], self._client.client_id)
        subject = subject_of(claims, begun, self._client)
        credential = tokens[self._settings.credential]
        if not credential:
            raise Unauthenticated(REFUSED)
        return LoggedIn(credential, f"{self._tokens.prefix}{subject}")

    async def _provider(self) -> Provider:
        now_s = time.monotonic()
        if self._latest is None or now_s > self._latest[0] + PROVIDER_KEPT_S:
            async with self._room:
                document = await asyncio.to_thread(self._document)
            self._latest = now_s, provider_of(document, self._tokens.issuer)
        return self._latest[1]

    def _document(self) -> Mapping[str, Any]:
        place = self._settings.discovery
        if "://" in place:
            return document_at(self._place(place))
        try:
            document = json.loads(Path(place).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{place} does not describe a provider: {error}") from None
        if not isinstance(document, dict):
            raise ConfigError(f"{place} does not describe a provider")
        return document

    def _place(self, address: str) -> Issuer:
        return Issuer(address, self._tokens.private_address, self._tokens.ca_file)


def provider_at(
    settings: OidcSettings | None, access: AccessSettings, claims: Claims
) -> OidcProvider | None:
    """The provider of the settings, if they name one; they fit those of `access`."""
    if settings is None or access.tokens is None:
        return None
    return OidcProvider(settings, access.tokens, claims, random_bytes=os.urandom)
