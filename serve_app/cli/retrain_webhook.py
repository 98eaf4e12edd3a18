"""Where other systems may ask for a run: signed calls to a port of `serve-app retrain watch`."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from serve_app.errors import (
    ConfigError,
    InvalidInput,
    NotFound,
    ServeError,
    TooLarge,
    Unauthenticated,
)
from serve_app.lifecycle.retraining.webhook import LONGEST_BODY, of_webhook

if TYPE_CHECKING:
    from serve_app.lifecycle.retraining.trigger import Recorded, Trigger

SECRET = "SERVE_APP_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
PATH = "/v1/retrain/"
_STATUS: dict[type[ServeError], int] = {
    Unauthenticated: 401,
    InvalidInput: 400,
    NotFound: 404,
    TooLarge: 413,
}
_PATIENCE_S = 10.0


@contextmanager
def listening(
    host: str, port: int, take: Mapping[str, Callable[[Trigger], Recorded]]
) -> Iterator[int]:
    """Take signed calls meanwhile, by model; gives the port.

    Raises:
        ConfigError: the environment has no secret, or the port is taken.
    """
    secret = os.environ.get(SECRET, "")
    if not secret:
        raise ConfigError(f"calls are signed with a secret, which {SECRET} has to hold")
    try:
        server = ThreadingHTTPServer((host, port), _handler(secret, take))
    except OSError as error:
        raise ConfigError(f"{host}:{port} cannot be listened to: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, name="webhook", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(
    secret: str, take: Mapping[str, Callable[[Trigger], Recorded]]
) -> type[BaseHTTPRequestHandler]:
    class Calls(BaseHTTPRequestHandler):
        """One call, answered with what came of it."""

        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            """Take a call."""
            try:
                status, answer = 202, self._taken()
            except ServeError as error:
                status = _STATUS.get(type(error), 503)
                answer = {"error": {"code": error.code, "message": error.message}}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            # Who did not wait for the answer may send the same call again, and hears it then.
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Say nothing: what was taken is in the ledger."""

        def _taken(self) -> dict[str, Any]:
            model = self.path.removeprefix(PATH)
            length = self.headers.get("content-length", "0")
            is_number = length.isascii() and length.isdigit()
            if not is_number or int(length) > LONGEST_BODY:
                raise TooLarge(f"the body of a call has at most {LONGEST_BODY} bytes")
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            trigger = of_webhook(model, secret, headers, body, time.time())
            if not self.path.startswith(PATH) or model not in take:
                raise NotFound(f"no pipeline of a model {model!r} is watched here")
            return take[model](trigger).to_json()

    return Calls
