"""The application of the console, and where it stands: beside the admin API, on its port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app import __version__
from serve_app.console import forms, visits
from serve_app.console.audit_pages import AuditPages
from serve_app.console.changes import ConsoleChanges
from serve_app.console.cluster_pages import ClusterPages
from serve_app.console.endpoint_pages import EndpointPages
from serve_app.console.forms import Inquiry
from serve_app.console.job_pages import JobPages
from serve_app.console.login import ConsoleLogin
from serve_app.console.monitoring_pages import MonitoringPages
from serve_app.console.oidc_login import OidcLogin
from serve_app.console.pages import ConsolePages
from serve_app.console.paths import PATHS, PREFIX, STATIC, ConsolePath
from serve_app.console.rendering import HEADERS, LIVE_HEADERS, Moved, Page, live_of, render
from serve_app.console.retraining_pages import RetrainingPages
from serve_app.console.run_pages import RunPages
from serve_app.console.sources import Sources
from serve_app.console.visits import Entry, Visit, visit_of
from serve_app.core.hosts import is_loopback, is_own, without_port
from serve_app.errors import NoSuchPath, NotPermitted, ServeError
from serve_app.gateway import errors
from serve_app.gateway.access import Gate, Witness
from serve_app.gateway.admin.access import permitted_words, require
from serve_app.gateway.context import caller_of, headers_of
from serve_app.gateway.entrance import request_id_of
from serve_app.gateway.foreign_pages import refuse_foreign
from serve_app.protocols.dialect import Refusal, Reply

Outcome = Page | Moved | Response
Handler = Callable[[Inquiry], Awaitable[Outcome]]
HTML = b"text/html; charset=utf-8"
STALE = (
    "this form is from another visit, or too old: go back, load the page again, and send the form "
    "from there"
)
READ_ONLY = (
    "the console changes nothing here: beyond this machine it does where the gateway's args say "
    "`admin: {console: changes}`"
)


def build(
    sources: Sources,
    *,
    host: str,
    changes: bool,
    gate: Gate | None = None,
    witness: Witness | None = None,
) -> ASGIApp:
    """The console over what it can do; `host` is the address that it listens on.

    With `changes` people may change what they are granted, else everybody looks. Where there is a
    `gate` they log in by what it knows them by.
    """
    logins = (
        ConsoleLogin(sources.sessions, gate, sources.provider),
        OidcLogin(sources.sessions, gate, sources.provider),
    )
    rooms = (
        ConsolePages(sources.actions, sources.retraining),
        EndpointPages(sources, proves=gate is not None),
        MonitoringPages(sources.actions),
        JobPages(sources.jobs),
        RunPages(sources.training),
        RetrainingPages(sources.retraining),
        AuditPages(sources.audit_log),
        ClusterPages(sources.actions, sources.dashboard, sources.clock),
    )
    own = ConsoleChanges(sources)
    guard = _Guard(sources, own, gate, own_names_alone=is_loopback(host), changes=changes)

    def handler(path: ConsolePath) -> Handler:
        of = {"change": (own,), "public": logins}.get(path.access, rooms)
        answer: Handler = next(
            getattr(one, path.handler) for one in of if hasattr(one, path.handler)
        )
        return answer

    app = Starlette(
        routes=[
            Route(path.whole, guard.answering(path, handler(path)), methods=[path.method])
            for path in PATHS
        ],
        exception_handlers={HTTPException: guard.unrouted},
    )
    app.router.redirect_slashes = False
    return Entry(app, sources.sessions, gate, witness)


class Beside:
    """Passes requests for the console to it, and all others to the admin API."""

    def __init__(self, admin: ASGIApp, console: ASGIApp) -> None:
        self._admin = admin
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; browsers that ask for nothing in particular get to the console."""
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == PREFIX or path.startswith(f"{PREFIX}/")):
            await self._console(scope, receive, send)
        elif scope["type"] == "http" and path == "/" and scope["method"] in {"GET", "HEAD"}:
            await RedirectResponse(PREFIX, 303)(scope, receive, send)
        else:
            await self._admin(scope, receive, send)


class _Guard:
    """Lets requests through that may do what a page does, and makes pages of what comes of it."""

    def __init__(
        self,
        sources: Sources,
        own: ConsoleChanges,
        gate: Gate | None,
        *,
        own_names_alone: bool,
        changes: bool,
    ) -> None:
        self._sources = sources
        self._own = own
        self._gate = gate
        self._own_names_alone = own_names_alone
        self._changes = changes

    def answering(
        self, path: ConsolePath, handler: Handler
    ) -> Callable[[Request], Awaitable[Response]]:
        """The same as a handler of Starlette's."""

        async def handle(request: Request) -> Response:
            request_id = request_id_of(headers_of(request.scope), self._sources.ids)
            inquiry = Inquiry(request, caller_of(request.scope), request_id)
            visit = self._visit(request)
            around = self._around(inquiry, visit)
            try:
                form = await self._let_in(inquiry, path)
                inquiry = Inquiry(request, inquiry.caller, request_id, form)
                outcome = await permitted_words(request, handler(inquiry))
                response = self._response(outcome, around, request)
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes a page
                response = _failed(error, request_id, around)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            if path.handler in STATIC:
                response.headers["cache-control"] = "public, max-age=3600"
            response.headers["x-request-id"] = request_id
            if not visit_of(request.scope).visit:
                self._keep(response, request, visits.VISIT, visit.visit)
            return response

        return handle

    def _response(self, outcome: Outcome, around: Mapping[str, Any], request: Request) -> Response:
        if isinstance(outcome, Response):
            return outcome
        if isinstance(outcome, Moved):
            return RedirectResponse(outcome.place, 303)
        live = None
        if request.method == "GET":
            live = live_of(outcome, visits.page_of(request.scope), request.query_params)
        body = render(outcome, {**around, "live": live})
        headers = None if live is None else LIVE_HEADERS
        response = Response(body, outcome.status, headers, HTML.decode())
        for name, value in outcome.cookies.items():
            self._keep(response, request, name, value)
        return response

    async def _let_in(self, inquiry: Inquiry, path: ConsolePath) -> forms.Form:
        """The form of a request, where who asks may do this from there; refusals are kept."""
        request = inquiry.request
        try:
            self._check_host(request)
            form: forms.Form = {}
            if path.method == "POST":
                refuse_foreign(headers_of(request.scope), ())
                form = await forms.read(request)
                token, sent = form.get("token", ""), visit_of(request.scope)
                if not self._sources.sessions.is_form_token(token, sent.visit, sent.session):
                    raise NotPermitted(STALE)
            if path.access != "public":
                require(request, path)
            if path.access == "change" and not self._changes:
                raise NotPermitted(READ_ONLY)
        except ServeError as error:
            if self._sources.audited is not None and path.access != "public":
                await self._sources.audited.refused(self._own.attempt(inquiry, path.handler), error)
            raise
        return form

    def _visit(self, request: Request) -> Visit:
        known = visit_of(request.scope)
        return known if known.visit else Visit(self._sources.sessions.visit(), known.session)

    def _around(self, inquiry: Inquiry, visit: Visit) -> dict[str, Any]:
        """What every page shows of its visitor, and whence a form comes."""
        is_form = inquiry.request.method == "POST"
        return {
            "caller": inquiry.caller,
            "is_known": self._gate is not None,
            "is_logged_in": bool(visit.session),
            "token": self._sources.sessions.form_token(visit.visit, visit.session),
            "changes": self._changes,
            "live": None,
            "now_s": self._sources.clock(),
            "version": __version__,
            "path": inquiry.request.scope["path"],
            "back": visits.page_of(inquiry.request.scope) if is_form else "",
            "done": inquiry.request.query_params.get("done", ""),
            "request_id": inquiry.request_id,
        }

    def _keep(self, response: Response, request: Request, name: str, value: str) -> None:
        is_secure = request.scope["scheme"] == "https"
        visits.set_cookie(response, name, value, is_secure=is_secure)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """No such page, or a method that it does not have."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
        request_id = request_id_of(headers_of(request.scope), self._sources.ids)
        inquiry = Inquiry(request, caller_of(request.scope), request_id)
        around = self._around(inquiry, self._visit(request))
        shown = request.scope["path"][:200]
        refused = NoSuchPath(f"there is no page at {shown!r} that answers {request.method}")
        response = _failed(refused, request_id, around, status=error.status_code)
        response.headers.update(HEADERS)
        return response

    def _check_host(self, request: Request) -> None:
        hosts = [value for name, value in request.scope["headers"] if name == b"host"]
        if self._gate is not None and hosts:
            self._gate.check_host(hosts)
        name = without_port(headers_of(request.scope).get("host"))
        if self._own_names_alone and name is not None and not is_own(name):
            raise NotPermitted(
                f"this port answers to this machine's own names alone, and not to {name[:80]!r}"
            )


def _failed(
    error: Exception, request_id: str, around: Mapping[str, Any], *, status: int | None = None
) -> Response:
    """The page of an error."""

    def in_a_page(refusal: Refusal) -> Reply:
        page = Page("error.html", "That did not work", {"refusal": refusal}, refusal.status)
        return Reply(render(page, around), HTML)

    return errors.response(error, request_id, status=status, refuse=in_a_page)
