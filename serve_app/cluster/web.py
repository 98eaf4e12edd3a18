"""Small JSON requests to the gateway and the Ray dashboard.

Of https elsewhere, the certificate must be of the host and signed by who this machine, or the
file that `SERVE_APP_CA_FILE` names, trusts. A cluster of this machine must show the very
certificate that it was given, whatever host that is for.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serve_app.cluster.credentials import HINT, proof
from serve_app.core.hosts import is_own
from serve_app.errors import (
    ClientError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotReady,
    ServerFault,
    Unauthenticated,
    Unavailable,
)

Headers = Mapping[str, str]
TIMEOUT_S = 30.0


class _KeptHere(urllib.request.HTTPRedirectHandler):
    """Shows what proves who asks to nobody but the server that was named."""

    def redirect_request(self, *given: Any) -> urllib.request.Request | None:
        """The request that follows a redirect."""
        former, address = given[0], given[-1]
        request = super().redirect_request(*given)
        if request is not None and _origin(address) != _origin(former.full_url):
            for name in ("X-api-key", "Authorization"):
                request.remove_header(name)
        return request


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


_DIRECTLY = urllib.request.build_opener(_KeptHere())
_PAST_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}), _KeptHere())
_OF_STATUS: Mapping[int, type[ClientError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
}
_CERTIFICATES: dict[int, Path] = {}
CA_VARIABLE = "SERVE_APP_CA_FILE"
"""A file with the certificates (PEM) of who signs those of servers, in place of the machine's."""
_STRANGER = "no gateway of serve-app answers like this; is the address right?"


def text(
    url: str,
    *,
    timeout_s: float = TIMEOUT_S,
    headers: Headers | None = None,
    to_gateway: bool = True,
) -> str:
    """GET a page. Gateways alone are shown who asks, as the environment proves it.

    Raises:
        NotReady: nobody answers there.
        InvalidInput: it is no address.
        ServerFault: who answers there is no server of ours.
    """
    request = _request(url, headers=headers, to_gateway=to_gateway)
    return _send(request, timeout_s).decode(errors="replace")


def get(
    url: str,
    *,
    timeout_s: float = TIMEOUT_S,
    keys: Sequence[str] = (),
    headers: Headers | None = None,
    to_gateway: bool = True,
) -> Any:
    """GET JSON that has some keys; raises as `text` does."""
    page = text(url, timeout_s=timeout_s, headers=headers, to_gateway=to_gateway)
    return _json(url, page, keys)


def post(
    url: str,
    body: Any,
    *,
    timeout_s: float = TIMEOUT_S,
    keys: Sequence[str] = (),
    headers: Headers | None = None,
) -> Any:
    """POST JSON and give the JSON answer, which has some keys.

    Raises:
        ClientError: the server refused the request, in its own words.
        Unavailable: it cannot answer now.
        ServerFault: it failed.
    """
    request = _request(url, json.dumps(body).encode(), headers)
    return _json(url, _send(request, timeout_s), keys)


def delete(url: str, body: Any, *, timeout_s: float = TIMEOUT_S) -> Any:
    """DELETE with JSON, and give the JSON answer; raises as `post` does."""
    request = _request(url, json.dumps(body).encode())
    request.method = "DELETE"
    return _json(url, _send(request, timeout_s), ())


def _request(
    url: str,
    body: bytes | None = None,
    headers: Headers | None = None,
    *,
    to_gateway: bool = True,
) -> urllib.request.Request:
    scheme, _, host = url.partition("://")
    if scheme not in {"http", "https"} or not host.strip("/"):
        msg = f"{url!r} is no address of a gateway; write one such as http://127.0.0.1:8000"
        raise InvalidInput(msg)
    of_body = {} if body is None else {"content-type": "application/json"}
    shown = {**of_body, **(proof(os.environ) if to_gateway else {}), **(headers or {})}
    try:
        return urllib.request.Request(url, body, shown)  # noqa: S310
    except (ValueError, http.client.InvalidURL) as error:
        raise InvalidInput(f"{url!r} is no address: {error}") from None


@contextmanager
def understood(url: str) -> Iterator[None]:
    """Take what an answer lacks, or has of another kind, for that of a stranger.

    Raises:
        ServerFault: it is one.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ServerFault(f"{url} answers in an unknown form ({reason}): {_STRANGER}") from error


def _json(url: str, content: str | bytes, keys: Sequence[str]) -> Any:
    try:
        document = json.loads(content)
    except (ValueError, UnicodeDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict) or not set(keys) <= set(document):
        shown = content if isinstance(content, str) else content.decode(errors="replace")
        raise ServerFault(f"{url} answers with {_short(shown)}: {_STRANGER}")
    return document


def _short(raw: str) -> str:
    """The beginning of what is no JSON of ours."""
    words = " ".join(raw.split())
    return f"{words[:80]!r}{' …' if len(words) > 80 else ''}" if words else "nothing"


def put(
    url: str,
    body: Any,
    *,
    timeout_s: float = TIMEOUT_S,
    headers: Headers | None = None,
    to_gateway: bool = True,
) -> Any:
    """PUT JSON, and give the JSON answer where there is one; raises as `post` does."""
    request = _request(url, json.dumps(body).encode(), headers, to_gateway=to_gateway)
    request.method = "PUT"
    answer = _send(request, timeout_s)
    return _json(url, answer, ()) if answer.strip() else None


def _send(request: urllib.request.Request, timeout_s: float) -> bytes:
    try:
        with _opener(request.full_url).open(request, timeout=timeout_s) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise _refused(request.full_url, error.code, _rest(error)) from None
    except (http.client.InvalidURL, UnicodeError, ValueError) as error:
        raise InvalidInput(f"{request.full_url!r} is no address: {error}") from None
    except http.client.HTTPException as error:
        cause = str(error) or type(error).__name__
        msg = f"{request.full_url} breaks off or speaks no HTTP ({cause}): {_STRANGER}"
        raise ServerFault(msg) from None
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        msg = f"{request.full_url} does not answer ({reason}); is the cluster running?"
        raise NotReady(msg) from None


def expect_certificate(port: int, certificate: Path) -> None:
    """Take what a file has for the one certificate that https on a port of this machine shows."""
    _CERTIFICATES[port] = certificate


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Who asks at a URL: past proxies on this machine, and knowing whom to trust."""
    parts = urllib.parse.urlsplit(url)
    own = is_own(parts.hostname or "")
    if parts.scheme != "https":
        return _PAST_PROXIES if own else _DIRECTLY
    expected = _CERTIFICATES.get(parts.port or 443) if own else None
    if expected is not None and expected.exists():
        context = ssl.create_default_context(cafile=expected)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
    else:
        context = ssl.create_default_context(cafile=os.environ.get(CA_VARIABLE) or None)
    proxies = [urllib.request.ProxyHandler({})] if own else []
    secure = urllib.request.HTTPSHandler(context=context)
    return urllib.request.build_opener(secure, _KeptHere(), *proxies)


def _rest(error: urllib.error.HTTPError) -> str:
    try:
        return error.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""


def _refused(url: str, code: int, content: str) -> Exception:
    try:
        body = json.loads(content)
        message = str(body["error"] if "error" in body else body["message"])
    except (ValueError, KeyError, TypeError):
        body, message = {}, f"{url} answered {code}: {_short(content)}"
    if code == 400 and "violations" in body:
        return InvalidInput(message, violations=body["violations"])
    if code == 400 and "refused" in body:
        return InvalidInput(message, refused=body["refused"])
    if code in _OF_STATUS:
        return _OF_STATUS[code](f"{message}; {HINT}" if code == 401 else message)
    if code < 500:
        return Unavailable(message) if code == 429 else ClientError(message)
    return Unavailable(message) if code in {503, 504} else ServerFault(message)
