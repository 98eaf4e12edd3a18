"""Who asks is known before anything else looks at a request: a layer around applications of ASGI.

It stands inside `middleware.Edge`, which takes away what only the proxy may say of a client, and
outside of everything that has paths, so that strangers do not learn which of them there are. Where
everybody may ask there is no layer.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from urllib.parse import unquote_to_bytes

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.core.caller import CREDENTIALS, Caller
from serve_app.core.grants import Grants
from serve_app.core.hosts import EVERY_NAME, is_own, without_port
from serve_app.errors import BadEncoding, ClientError, Overloaded, ServeError, Unauthenticated
from serve_app.gateway import errors
from serve_app.gateway.context import CALLER
from serve_app.protocols import error_body
from serve_app.security.authenticators import Authenticator, Credential, Header

Shown = Sequence[tuple[bytes, bytes]]
"""The headers with which a client proves who it is, as they came."""
Count = Callable[[str, str], None]
"""Counts an answer by protocol and class of its status."""
Recall = Callable[[Header], Caller | None]
"""Who has shown exactly this header before, where that still says who they are."""
Witness = Callable[[Scope, ServeError], Awaitable[None]]
"""Is shown each request that is refused, and why."""

MAIN = "all"
"""The port that speaks everything, with the profiles below prefixes."""
ADMIN = "admin"
METRICS = "metrics"
"""The ports of the admin API and of Prometheus, on which nothing is public."""
PUBLIC: Mapping[str, frozenset[str]] = {
    MAIN: frozenset({"/-/healthz", "/health", "/ping", "/v2/health/live", "/v2/health/ready"}),
    "azureml": frozenset({"/"}),
    "bentoml": frozenset({"/healthz", "/livez", "/readyz"}),
    "kserve": frozenset({"/", "/v2/health/live", "/v2/health/ready"}),
    "mlflow": frozenset({"/health", "/ping"}),
    "oip": frozenset({"/v2/health/live", "/v2/health/ready"}),
    "sagemaker": frozenset({"/ping"}),
    "seldon": frozenset({"/health/ping", "/health/status", "/live", "/ready"}),
    "torchserve": frozenset({"/ping"}),
    "torchserve-management": frozenset({"/ping"}),
}
"""What everybody may look at, by profile: whether the process lives and could answer."""
PUBLIC_METHODS = frozenset({"GET", "HEAD"})
NOBODY = Caller("nobody", grants=Grants(()))
"""Who looks at what is public; nothing is asked of whoever does, and nothing else is shown."""

SHOWN = frozenset(name.encode() for name in CREDENTIALS)
_HOST_HEADER = b"host"
_LOOKED_AT = SHOWN | {_HOST_HEADER}
CERTIFICATE = b"x-client-dn"
"""The subject of a client certificate, which `Edge` lets through from the proxy alone."""
CLIENT_CERTIFICATE = "client_certificate"
"""Where a scope has the subject of a certificate that a port of this process has verified."""
MAX_CREDENTIAL_BYTES = 8192
MOST_HOSTS = 100
"""So many Host headers that were in order are known again without a look."""
UNKNOWN = (
    "nobody is known here by what this request shows: send an API key as `Authorization: Bearer "
    "<key>`, `Authorization: ApiKey <key>` or `x-api-key: <key>`, or a token as `Authorization: "
    "Bearer <token>`, once"
)
NO_HOST = "the Host header is no host"
OTHER_HOST = "this server answers for other hosts: `allowed_hosts` in the gateway's args lists them"
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{0,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
IN_ADDRESS = "keys in addresses end in logs, where others read them: send yours in a header"
CHALLENGE = b'Bearer realm="serve-app", ApiKey realm="serve-app"'
_NAMES_OF_KEYS = frozenset(
    {b"access-token", b"api-key", b"apikey", b"authorization", b"subscription-key", b"x-api-key"}
)
_SCHEMES_OF_KEYS = frozenset({"Bearer", "ApiKey"})
_KEY = re.compile(rb"sa_[A-Za-z0-9]+_[A-Za-z0-9_-]{20}")


class Gate:
    """Knows callers by what their requests show, whatever the protocol.

    `count` is told of each request that is refused. A client certificate counts where
    `certificates` are believed: there, `CERTIFICATE` must come from nobody but the proxy. With
    `must_show` nobody is known without one, whatever else is shown. Where there are `hosts`, no
    request is answered for another one, but for those of this machine.
    `health_route` is the path at which Vertex AI looks whether it lives. Where no certificates are
    believed, `recall` says who has shown exactly this header before.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        count: Count,
        *,
        certificates: bool = False,
        must_show: bool = False,
        health_route: str | None = None,
        hosts: Collection[str] = (),
    ) -> None:
        self._authenticator = authenticator
        self._authenticate = authenticator.authenticate
        self._count = count
        self.recall: Recall | None = None if certificates else authenticator.recall
        self.certificates = certificates
        self.must_show = must_show
        self.hosts = frozenset() if EVERY_NAME in hosts else frozenset(map(str.lower, hosts))
        self.health_route = health_route
        self._good_hosts: set[bytes] = set()

    def without_certificates(self) -> Gate:
        """The same for a port at which nobody can show one."""
        return Gate(
            self._authenticator, self._count, health_route=self.health_route, hosts=self.hosts
        )

    def check_host(self, hosts: Sequence[bytes]) -> None:
        """Return where the Host header, of which there may be one, names one of this server's.

        Raises:
            BadEncoding: it does not, there are several, or one is no host: pages and redirects
                would be made of it.
        """
        named = hosts[0]
        if len(hosts) == 1 and named in self._good_hosts:
            return
        if len(hosts) > 1 or _HOST.fullmatch(named) is None:
            raise BadEncoding(NO_HOST)
        if self.hosts:
            host = (without_port(named.decode("ascii")) or "").lower()
            if host not in self.hosts and not is_own(host):
                raise BadEncoding(OTHER_HOST)
        if len(self._good_hosts) < MOST_HOSTS:
            self._good_hosts.add(named)

    def caller(self, shown: Shown, source: str | None, certificate: bytes | None = None) -> Caller:
        """Who asks; `source` is the address that the request came from, None where it comes later.

        A `certificate` that the proxy or a port vouches for counts where nothing else is shown.

        Raises:
            Unauthenticated: nobody is known by that; the message is always the same.
            Overloaded: too many such requests came from there.
            SourceUnknown: the source has to be known for this.
        """
        if certificate is None and self.must_show:
            raise Unauthenticated(UNKNOWN)
        if shown or certificate is None:
            credential = _credential(shown, source)
        else:
            subject = certificate.decode("utf-8", "surrogateescape")
            credential = Credential("certificate", subject, source)
        caller = self._authenticate(credential)
        if caller is None:
            raise Unauthenticated(UNKNOWN)
        return caller

    def refused(self, protocol: str, status: str) -> None:
        """Count a request that was refused."""
        self._count(protocol, status)


def _looked_at(headers: Shown) -> tuple[list[Header], list[bytes]]:
    """Of all headers those that a client proves itself with, and the hosts that are named."""
    pairs = [pair for pair in headers if pair[0] in _LOOKED_AT]
    if len(pairs) == 2 and pairs[0][0] == _HOST_HEADER != pairs[1][0]:
        # As nearly every request has them.
        return [pairs[1]], [pairs[0][1]]
    hosts = [value for name, value in pairs if name == _HOST_HEADER]
    return [pair for pair in pairs if pair[0] != _HOST_HEADER], hosts


def _credential(shown: Shown, source: str | None) -> Credential:
    """The one credential of a request.

    Raises:
        Unauthenticated: there is none or more than one, or it has another form than ours.
    """
    if len(shown) != 1 or len(shown[0][1]) > MAX_CREDENTIAL_BYTES:
        raise Unauthenticated(UNKNOWN)
    name, value = shown[0]
    text = value.decode("latin-1")
    if name == b"authorization":
        scheme, _, text = text.partition(" ")
        if scheme == "Bearer" and "." in text:
            if " " in text or not text.isprintable():
                raise Unauthenticated(UNKNOWN)
            return Credential("token", text, source, (name, value))
        if scheme not in _SCHEMES_OF_KEYS:
            raise Unauthenticated(UNKNOWN)
    # A key is known letter by letter, or not at all: whatever else it may be needs no look.
    return Credential("key", text, source, (name, value))


def has_key(query: bytes) -> bool:
    """Whether the query of an address holds a key, by its name or by how our keys look."""
    if b"sa_" in query and _KEY.search(query):
        return True
    for part in query.split(b"&"):
        name = unquote_to_bytes(part.partition(b"=")[0]).lower()
        if name.replace(b"_", b"-") in _NAMES_OF_KEYS:
            return True
    return False


def public_paths(profile: str, health_route: str | None = None) -> frozenset[str]:
    """The paths of a port of some profile at which everybody may look.

    `health_route` is the path that Vertex AI gives a container for that.
    """
    own = PUBLIC.get(profile, frozenset())
    if profile == MAIN:
        below = {f"/{name}{path}" for name in PUBLIC if name != MAIN for path in PUBLIC[name]}
        own = own | below
    if health_route is not None and profile in {MAIN, "vertex"}:
        own = own | {health_route}
    return own


class Access:
    """Lets requests through whose sender is known, and says to the application who it is.

    What a client proves itself with is taken out of the headers: nothing behind this needs it, and
    nothing can log, keep or send it on. A `witness` is shown each request that is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        public: frozenset[str] = frozenset(),
        witness: Witness | None = None,
    ) -> None:
        self._app = app
        self._gate = gate
        self._public = public
        self._witness = witness

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the application; Serve names paths after them."""
        routes: list[BaseRoute] = getattr(self._app, "routes", [])
        return routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan" or CALLER in scope:
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "not spoken here"})
            return
        try:
            scope[CALLER] = self._caller(scope)
        except ClientError as error:
            if self._witness is not None:
                await self._witness(scope, error)
            await self._refuse(error, send)
        except Overloaded as error:
            if self._witness is not None:
                await self._witness(scope, error)
            self._gate.refused("http", "4xx")
            await errors.response(error, "")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _caller(self, scope: Scope) -> Caller:
        headers, gate = scope["headers"], self._gate
        shown, hosts = _looked_at(headers)
        if shown:
            scope["headers"] = kept = list(headers)
            for pair in shown:
                kept.remove(pair)
        if scope["path"] in self._public and scope["method"] in PUBLIC_METHODS:
            return NOBODY
        if hosts:
            gate.check_host(hosts)
        if scope["query_string"] and has_key(scope["query_string"]):
            raise BadEncoding(IN_ADDRESS)
        if len(shown) == 1 and gate.recall is not None:
            recalled = gate.recall(shown[0])
            if recalled is not None:
                return recalled
        client = scope.get("client")
        source = client[0] if client else ""
        if not gate.certificates:
            return gate.caller(shown, source)
        certificate = scope.get(CLIENT_CERTIFICATE) or dict(headers).get(CERTIFICATE)
        return gate.caller(shown, source, certificate)

    async def _refuse(self, error: ClientError, send: Send) -> None:
        """Answer in the same words whatever was wrong, without a look at anything else."""
        self._gate.refused("http", "4xx")
        status, body = errors.nearest(errors.STATUS, error), _BODIES[error.message]
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        if status == 401:
            headers.append((b"www-authenticate", CHALLENGE))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


_BODIES = {
    UNKNOWN: error_body.envelope(errors.refusal_of(Unauthenticated(UNKNOWN), 401, "")),
    **{
        words: error_body.envelope(errors.refusal_of(BadEncoding(words), 400, ""))
        for words in (IN_ADDRESS, NO_HOST, OTHER_HOST)
    },
}
"""What is said of a refusal, by its words: whatever was wrong, the same for all."""


def protect(
    app: ASGIApp, gate: Gate | None, profile: str, witness: Witness | None = None
) -> ASGIApp:
    """The application of a profile's port behind a gate; itself where everybody may ask."""
    if gate is None:
        return app
    return Access(app, gate, public_paths(profile, gate.health_route), witness)
