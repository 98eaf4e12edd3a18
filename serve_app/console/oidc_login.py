"""People log in at a provider of OpenID Connect, and come back with a session."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import RedirectResponse, Response

from serve_app.console.forms import Inquiry
from serve_app.console.paths import PREFIX
from serve_app.console.rendering import Page, place
from serve_app.console.visits import SESSION, cookies_of, own_place, set_cookie, shown_by
from serve_app.errors import BadEncoding, ServeError, Unauthenticated
from serve_app.gateway.access import CLIENT_CERTIFICATE, Gate
from serve_app.security.oidc import LOGIN_S, REFUSED, Begun
from serve_app.security.sessions import MOST_CHARACTERS, Sessions

BEGUN = "serve_app_login"
"""The cookie of a login that was begun; it comes back from the provider's page, once."""
logger = logging.getLogger("serve_app.console")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What somebody proved to be known by, and who that has to be."""

    credential: str
    name: str


class LoginProvider(Protocol):
    """Where people log in, as the settings name it."""

    @property
    def host(self) -> str:
        """What people know it by."""
        ...

    async def begin(self, following: str) -> tuple[Begun, str]:
        """A login, and the address where a browser goes on with it."""
        ...

    async def finish(self, begun: Begun, answer: Mapping[str, str]) -> LoggedIn:
        """Who has logged in, by what a browser came back with.

        Raises:
            Unauthenticated: it does not fit the login that was begun.
            ServeError: the provider does not answer.
        """
        ...


class OidcLogin:
    """Leads browsers to a provider, and lets those in who come back; without one, to the form."""

    def __init__(
        self, sessions: Sessions, gate: Gate | None, provider: LoginProvider | None
    ) -> None:
        self._sessions = sessions
        self._gate = gate
        self._provider = provider

    async def login_start(self, inquiry: Inquiry) -> Page | Response:
        """Begin a login at the provider."""
        following = own_place(inquiry.query("next"))
        if self._provider is None:
            return RedirectResponse(place("login"), 303)
        try:
            begun, address = await self._provider.begin(following)
        except ServeError as error:
            logger.error("the provider of logins cannot be asked", exc_info=error)
            return self._page(following, "The provider does not answer. Try again later.")
        response = RedirectResponse(address, 303)
        sealed = self._sessions.seal_values(begun.to_json(), LOGIN_S, BEGUN)
        # Browsers bring cookies that are strict from no other site's page.
        set_cookie(
            response, BEGUN, sealed, is_secure=_is_secure(inquiry), lasts_s=LOGIN_S, samesite="lax"
        )
        return response

    async def login_return(self, inquiry: Inquiry) -> Page | Response:
        """Finish a login with what the provider sends a browser back with."""
        answer = dict(inquiry.request.query_params)
        if self._provider is None or self._gate is None:
            return RedirectResponse(place("login"), 303)
        cookie = cookies_of(inquiry.request.scope).get(BEGUN, "")
        kept = self._sessions.values(cookie, BEGUN) if cookie else None
        if kept is None:
            return self._page(PREFIX, "This login has ended, or began in another browser.")
        begun = Begun(**kept)
        following = own_place(begun.following)
        try:
            known = await self._finished(inquiry, self._provider.finish(begun, answer))
        except (BadEncoding, Unauthenticated) as error:
            self._gate.refused("http", "4xx")
            page = self._page(following, f"{error.message[:1].upper()}{error.message[1:]}.")
        except ServeError as error:
            logger.error("a login cannot be finished", exc_info=error)
            page = self._page(following, "The provider does not answer. Try again later.")
        else:
            sealed = self._sessions.seal(known.credential)
            page = Page("logged_in.html", "Logged in", {"following": following}, cookies={
                SESSION: sealed,
            })  # fmt: skip
        return Page(
            page.template, page.title, page.values, page.status, cookies={**page.cookies, BEGUN: ""}
        )

    async def _finished(self, inquiry: Inquiry, finish: Awaitable[LoggedIn]) -> LoggedIn:
        """Who has logged in, where they are known here by what they have now.

        Raises:
            Unauthenticated: they are not, or somebody else is.
            BadEncoding: no session can hold it.
        """
        known = await finish
        if len(known.credential) > MOST_CHARACTERS:
            msg = f"the provider's token has more than {MOST_CHARACTERS:,} characters"
            raise BadEncoding(msg)
        request = inquiry.request
        source = "" if request.client is None else request.client.host
        certificate = request.scope.get(CLIENT_CERTIFICATE)
        assert self._gate is not None  # noqa: S101 - looked at before
        caller = self._gate.caller(shown_by(known.credential), source, certificate)
        if caller.name != known.name:
            raise Unauthenticated(REFUSED)
        return known

    def _page(self, following: str, problem: str) -> Page:
        return login_page(following, self._provider, problem)


def login_page(following: str, provider: LoginProvider | None, problem: str = "") -> Page:
    """The page where people log in, with what was wrong."""
    values = {
        "following": following,
        "problem": problem,
        "provider": None if provider is None else provider.host,
    }
    return Page("login.html", "Log in", values, 401 if problem else 200)


def _is_secure(inquiry: Inquiry) -> bool:
    return bool(inquiry.request.scope["scheme"] == "https")
