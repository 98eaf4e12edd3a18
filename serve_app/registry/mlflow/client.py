"""Calls of MLflow's REST API, with the standard library alone.

The API: https://mlflow.org/docs/latest/rest-api.html
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from serve_app.core.hosts import is_own
from serve_app.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotReady,
    ServeError,
    ServerFault,
    Unauthenticated,
)
from serve_app.registry.mlflow.address import server_of

API = "/api/2.0/mlflow"
TIMEOUT_S = 30.0
_LONGEST = 300
_MOST_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20
_CREDENTIALS = (
    "give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
)
_KINDS: Mapping[int, type[ServeError]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: NotReady,
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who asks, and whom the certificate must be signed by.

    `authorization` is the value of that header; `ca_file` holds certificates (PEM) that are
    trusted in place of the machine's. Neither is shown by `repr`.
    """

    authorization: str | None = field(default=None, repr=False)
    ca_file: str | None = None


def credentials_of(environment: Mapping[str, str]) -> Credentials:
    """The credentials in the variables that MLflow's own clients read.

    `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD` goes before
    `MLFLOW_TRACKING_TOKEN`, as it does there; `MLFLOW_TRACKING_SERVER_CERT_PATH` names
    certificates.
    """
    user = environment.get("MLFLOW_TRACKING_USERNAME")
    password = environment.get("MLFLOW_TRACKING_PASSWORD")
    token = environment.get("MLFLOW_TRACKING_TOKEN")
    authorization = None
    if user and password:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        authorization = f"Basic {pair}"
    elif token:
        authorization = f"Bearer {token}"
    ca_file = environment.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or environment.get(
        "SERVE_APP_CA_FILE"
    )
    return Credentials(authorization, ca_file or None)


class _KeptHere(urllib.request.HTTPRedirectHandler):
    """Follows redirects on the same server, and shows credentials to no other."""

    def redirect_request(self, *given: Any) -> urllib.request.Request | None:
        """The request that follows a redirect; none to another server."""
        former, address = given[0], given[-1]
        if urllib.parse.urlsplit(address)[:2] != urllib.parse.urlsplit(former.full_url)[:2]:
            return None
        return super().redirect_request(*given)


class MlflowClient:
    """A server of MLflow's; `server` is its address, which `server_of` reads.

    Every method raises NotReady where nobody answers in time or the server is overloaded,
    Unauthenticated or Forbidden where the credentials do not do, NotFound, InvalidInput and
    Conflict in the server's own words, and ServerFault where it fails or is no MLflow.
    """

    def __init__(
        self, server: str, credentials: Credentials, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.server = server_of(server)
        self._authorization = credentials.authorization
        self._timeout_s = timeout_s
        handlers: list[urllib.request.BaseHandler] = [_KeptHere()]
        if is_own(urllib.parse.urlsplit(self.server).hostname or ""):
            handlers.append(urllib.request.ProxyHandler({}))
        if self.server.startswith("https:"):
            context = ssl.create_default_context(cafile=credentials.ca_file)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """GET JSON below the API's root."""
        given = urllib.parse.urlencode(query)
        return self._json("GET", f"{API}/{path}?{given}" if given else f"{API}/{path}", None)

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST, PATCH or DELETE with JSON below the API's root, and give the JSON answer."""
        return self._json(method, f"{API}/{path}", json.dumps(body).encode())

    def list_artifacts(self, path: str) -> list[dict[str, Any]]:
        """The files and folders in a folder of the artifacts that the server hands out.

        Of each `path`, relative to the folder, `is_dir` and perhaps `file_size` in bytes.
        """
        given = urllib.parse.urlencode({"path": path})
        body = self._json("GET", f"/api/2.0/mlflow-artifacts/artifacts?{given}", None)
        listed: list[dict[str, Any]] = body.get("files", [])
        return listed

    def download(self, path: str, into: IO[bytes], most_bytes: int) -> int:
        """Write a file of the artifacts somewhere, and give its length in bytes.

        Of one longer than `most_bytes` little more is written.
        """
        place = f"/api/2.0/mlflow-artifacts/artifacts/{urllib.parse.quote(path)}"
        request = self._request("GET", place, None)
        with self._opened(request) as answer:
            length = 0
            while length <= most_bytes and (block := answer.read(_BLOCK_BYTES)):
                length += into.write(block)
            return length

    def upload(self, path: str, content: bytes) -> None:
        """Store a file among the artifacts that the server hands out."""
        place = f"/api/2.0/mlflow-artifacts/artifacts/{urllib.parse.quote(path)}"
        request = self._request("PUT", place, content)
        request.add_header("content-type", "application/octet-stream")
        with self._opened(request) as answer:
            answer.read(_MOST_BYTES)

    def _json(self, method: str, path: str, content: bytes | None) -> dict[str, Any]:
        request = self._request(method, path, content)
        if content is not None:
            request.add_header("content-type", "application/json")
        with self._opened(request) as answer:
            raw = answer.read(_MOST_BYTES)
        try:
            body = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            msg = f"{self.server} answers {path.partition('?')[0]} with no JSON of MLflow's"
            raise ServerFault(f"{msg}; is it a server of MLflow's?")
        return body

    def _request(self, method: str, path: str, content: bytes | None) -> urllib.request.Request:
        request = urllib.request.Request(  # noqa: S310 - `server_of` lets http and https pass
            self.server + path, content, method=method
        )
        if self._authorization is not None:
            request.add_unredirected_header("Authorization", self._authorization)
        return request

    def _opened(self, request: urllib.request.Request) -> Any:
        return _Answer(self.server, self._opener, request, self._timeout_s)


class _Answer:
    """An answer while it is read: whatever breaks meanwhile is raised as the client promises."""

    def __init__(
        self,
        server: str,
        opener: urllib.request.OpenerDirector,
        request: urllib.request.Request,
        timeout_s: float,
    ) -> None:
        self._server = server
        self._how = (opener, request, timeout_s)
        self._answer: Any = None

    def __enter__(self) -> Any:
        opener, request, timeout_s = self._how
        try:
            self._answer = opener.open(request, timeout=timeout_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._as_error(error) from None
        return self._answer

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._answer.close()
        if isinstance(error, OSError | http.client.HTTPException):
            raise self._as_error(error) from None

    def _as_error(self, error: Exception) -> ServeError:
        if isinstance(error, urllib.error.HTTPError):
            return _refusal(self._server, error)
        if isinstance(error, http.client.InvalidURL) or not isinstance(
            error, OSError | http.client.HTTPException
        ):
            return InvalidInput(f"{self._server} is no address of a server: {error}")
        reason = getattr(error, "reason", error) or type(error).__name__
        return NotReady(f"MLflow at {self._server} does not answer ({reason})")


def _refusal(server: str, error: urllib.error.HTTPError) -> ServeError:
    """What a status other than 2xx says, in the server's words."""
    try:
        raw = error.read(_MOST_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        raw = ""
    try:
        body = json.loads(raw)
        words, code = str(body["message"]), str(body.get("error_code", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        words, code = " ".join(raw.split()), ""
    shown = words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
    message = f"MLflow at {server} answers {error.code}: {shown or error.reason}"
    if error.code == 401:
        message = f"{message}; {_CREDENTIALS}"
    if 300 <= error.code < 400:
        message = f"MLflow at {server} sends elsewhere ({error.headers.get('location')}): give that"
    if code == "RESOURCE_ALREADY_EXISTS":
        return Conflict(message)
    if error.code in _KINDS:
        return _KINDS[error.code](message)
    if error.code in {502, 503, 504}:
        return NotReady(message)
    return ClientError(message) if error.code < 500 else ServerFault(message)
