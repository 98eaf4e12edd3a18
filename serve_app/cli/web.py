"""Small JSON requests to the gateway and the Ray dashboard."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from serve_app.core.hosts import is_own
from serve_app.errors import (
    ClientError,
    InvalidInput,
    NotFound,
    NotReady,
    ServerFault,
    Unavailable,
)

TIMEOUT_S = 30.0
_PAST_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def text(url: str, *, timeout_s: float = TIMEOUT_S) -> str:
    """GET a page.

    Raises:
        NotReady: nobody answers there.
    """
    return _send(urllib.request.Request(url), timeout_s).decode()  # noqa: S310


def get(url: str, *, timeout_s: float = TIMEOUT_S) -> Any:
    """GET JSON; raises as `text` does."""
    return json.loads(text(url, timeout_s=timeout_s))


def post(url: str, body: Any, *, timeout_s: float = TIMEOUT_S) -> Any:
    """POST JSON and give the JSON answer.

    Raises:
        ClientError: the server refused the request, in its own words.
        Unavailable: it cannot answer now.
        ServerFault: it failed.
    """
    request = urllib.request.Request(  # noqa: S310
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    return json.loads(_send(request, timeout_s))


def _send(request: urllib.request.Request, timeout_s: float) -> bytes:
    own = is_own(urllib.parse.urlsplit(request.full_url).hostname or "")
    ask = _PAST_PROXIES.open if own else urllib.request.urlopen
    try:
        with ask(request, timeout=timeout_s) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise _refused(error.code, error.read().decode(errors="replace")) from None
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        msg = f"{request.full_url} does not answer ({reason}); is the cluster running?"
        raise NotReady(msg) from None


def _refused(code: int, said: str) -> Exception:
    try:
        body = json.loads(said)
        message = str(body["error"])
    except (ValueError, KeyError, TypeError):
        body, message = {}, f"the server answered {code}: {said[:300]}"
    if code == 400 and "violations" in body:
        return InvalidInput(message, violations=body["violations"])
    if code == 404:
        return NotFound(message)
    if code < 500:
        return Unavailable(message) if code == 429 else ClientError(message)
    return Unavailable(message) if code in {503, 504} else ServerFault(message)
