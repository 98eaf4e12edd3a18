"""Sends JSON to a URL, checks who answers, and gives no message to anybody else."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

from serve_app import __version__
from serve_app.config.alerts import NO_MESSAGES, url_problem
from serve_app.core.hosts import is_off_limits, is_own
from serve_app.core.json_values import finite
from serve_app.core.secret import Secret
from serve_app.errors import Unavailable
from serve_app.monitoring.alerts.words import one_line
from serve_app.serving.alerting.certificates import context_of, untrusted

MOST_ANSWERED_BYTES = 2048
LONGEST_ANSWER = 120
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: a URL, which may be a secret and is never repeated in an error."""

    url: Secret
    timeout_s: float
    ca_file: str | None = None


def post(target: Target, body: bytes, headers: Mapping[str, str]) -> None:
    """Return once the target has taken a body of JSON.

    Raises:
        Unavailable: it did not; says why.
    """
    problem = url_problem(target.url.reveal())
    if problem is not None and "user or password" not in problem:
        raise Unavailable(problem)
    parts = urlsplit(target.url.reveal())
    request = urllib.request.Request(  # noqa: S310 - it is http or https
        target.url.reveal(),
        body,
        {
            "content-type": "application/json",
            "user-agent": f"serve-app/{__version__}",
            **headers,
        },
    )
    try:
        with _opener(target, parts).open(request, timeout=target.timeout_s) as answer:
            answer.read(MOST_ANSWERED_BYTES)
    except urllib.error.HTTPError as error:
        words = _answer(error, parts)
        raise Unavailable(f"{parts.hostname} answered {error.code}{words}") from None
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(untrusted(parts.hostname or "", error)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(_unanswered(parts, error)) from None


def as_body(value: Any) -> bytes:
    """JSON as it is sent, in ASCII; numbers that JSON has not are null."""
    return json.dumps(finite(value), allow_nan=False).encode()


def _opener(target: Target, parts: SplitResult) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        _Http(),
        _Https(context_of(target.ca_file)),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _NoStrangers(),
    ]
    if not is_own(parts.hostname or ""):
        handlers.append(urllib.request.ProxyHandler())
    for handler in handlers:
        opener.add_handler(handler)
    return opener


class _Connection(http.client.HTTPConnection):
    """Sends nothing to an address at which nobody takes messages, whichever name led there."""

    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _EncryptedConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


def _check_peer(connection: http.client.HTTPConnection) -> None:
    """Return where the address that was connected to may be sent something.

    Raises:
        Unavailable: it may not; nothing was sent.
    """
    address = connection.sock.getpeername()[0]
    if is_off_limits(address):
        connection.close()
        raise Unavailable(f"{connection.host} leads to {address}: {NO_MESSAGES}")


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._own_context = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_EncryptedConnection, req, context=self._own_context)


class _NoStrangers(urllib.request.HTTPRedirectHandler):
    """Follows redirects that keep the method, to the same host and port alone."""

    max_redirections = 3

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],  # noqa: ARG002
        code: int,
        msg: str,  # noqa: ARG002
        headers: http.client.HTTPMessage,  # noqa: ARG002
        newurl: str,
    ) -> urllib.request.Request:
        """The same message to another path of the same host."""
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if code in {307, 308} and _origin(before) == _origin(after):
            return urllib.request.Request(newurl, req.data, req.headers, method="POST")  # noqa: S310
        raise Unavailable(
            f"{before.hostname} redirects ({code}) to {after.hostname or 'nowhere'}: messages are "
            "not sent on to where nobody chose to send them; use the URL that it leads to"
        )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _answer(error: urllib.error.HTTPError, parts: SplitResult) -> str:
    """What the receiver says, unless it repeats the URL, which may be a secret."""
    try:
        text = error.read(MOST_ANSWERED_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    hidden = [one for one in (*parts.path.split("/"), parts.query) if len(one) > 5]
    text = one_line(text, LONGEST_ANSWER)
    return f": {text}" if text and not any(one[:20] in text for one in hidden) else ""


def _unanswered(parts: SplitResult, error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return untrusted(parts.hostname or "", reason)
    # What http.client says of a URL that it cannot read repeats it.
    hidden = isinstance(reason, ValueError | http.client.InvalidURL)
    words = type(reason).__name__ if hidden else one_line(str(reason) or type(reason).__name__)
    return f"{parts.hostname} does not answer: {words}"
