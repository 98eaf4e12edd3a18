"""What everybody may ask of the console: how it looks, and to be let in."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from serve_app.console.forms import Inquiry
from serve_app.console.oidc_login import LoginProvider, login_page
from serve_app.console.paths import PREFIX
from serve_app.console.rendering import Page, script, style
from serve_app.console.visits import LOGIN, SESSION, own_place, set_cookie, shown_by
from serve_app.errors import BadEncoding, InvalidInput, Unauthenticated
from serve_app.gateway.access import CLIENT_CERTIFICATE, Gate
from serve_app.monitoring.experiment.page_style import PAGE_STYLE
from serve_app.security.sessions import MOST_CHARACTERS, Sessions

UNKNOWN = "That key is not known here, or counts no more."


class ConsoleLogin:
    """Lets people in by an API key or a token, for an hour; without a `gate` everybody is."""

    def __init__(
        self, sessions: Sessions, gate: Gate | None, provider: LoginProvider | None
    ) -> None:
        self._sessions = sessions
        self._gate = gate
        self._provider = provider

    async def style(self, inquiry: Inquiry) -> Response:  # noqa: ARG002
        """The style sheet."""
        return Response(style(), media_type="text/css")

    async def report_style(self, inquiry: Inquiry) -> Response:  # noqa: ARG002
        """The style sheet of reports that stand within pages."""
        return Response(PAGE_STYLE, media_type="text/css")

    async def htmx(self, inquiry: Inquiry) -> Response:  # noqa: ARG002
        """What renews parts of pages."""
        return Response(script("htmx.min.js"), media_type="text/javascript")

    async def idiomorph(self, inquiry: Inquiry) -> Response:  # noqa: ARG002
        """What keeps, of parts that are renewed, where people are in them."""
        return Response(script("idiomorph-ext.min.js"), media_type="text/javascript")

    async def login_form(self, inquiry: Inquiry) -> Page | Response:
        """The page where people log in."""
        if self._gate is None:
            return RedirectResponse(PREFIX, 303)
        return login_page(own_place(inquiry.query("next")), self._provider)

    async def login(self, inquiry: Inquiry) -> Page | Response:
        """Begin a session of whoever a key or token belongs to."""
        following = own_place(inquiry.form.get("next", ""))
        if self._gate is None:
            return RedirectResponse(following, 303)
        credential = inquiry.form.get("key", "").strip()
        if len(credential) > MOST_CHARACTERS:
            msg = f"keys and tokens for the console have at most {MOST_CHARACTERS:,} characters"
            raise InvalidInput(msg)
        scope = inquiry.request.scope
        client = inquiry.request.client
        source = "" if client is None else client.host
        try:
            self._gate.caller(shown_by(credential), source, scope.get(CLIENT_CERTIFICATE))
        except (BadEncoding, Unauthenticated):
            self._gate.refused("http", "4xx")
            return login_page(following, self._provider, UNKNOWN)
        response = RedirectResponse(following, 303)
        session = self._sessions.seal(credential)
        set_cookie(response, SESSION, session, is_secure=scope["scheme"] == "https")
        return response

    async def logout(self, inquiry: Inquiry) -> Response:
        """End a session."""
        response = RedirectResponse(LOGIN if self._gate is not None else PREFIX, 303)
        is_secure = inquiry.request.scope["scheme"] == "https"
        set_cookie(response, SESSION, "", is_secure=is_secure)
        return response
