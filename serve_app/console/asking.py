"""Asks an endpoint as a client of the main port would, within this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from starlette.types import ASGIApp, Message

from serve_app.core.caller import Caller
from serve_app.errors import ClientError
from serve_app.gateway.context import CALLER
from serve_app.gateway.error_meanings import MEANINGS, Meaning


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered: the status of HTTP, and the body as people read it."""

    status: int
    text: str

    @classmethod
    def refused(cls, error: ClientError) -> Answer:
        """What is said of a row that nobody is asked about."""
        body = {"error": error.message, "error_code": error.code}
        return cls(400, orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())

    @property
    def is_good(self) -> bool:
        """Whether it is a prediction."""
        return self.status == 200

    @property
    def meaning(self) -> Meaning | None:
        """What the error means that it is; none where it is a prediction, or nobody knows."""
        try:
            body = orjson.loads(self.text)
        except orjson.JSONDecodeError:
            return None
        code = body.get("error_code") if isinstance(body, dict) and not self.is_good else None
        return MEANINGS.get(code) if isinstance(code, str) else None


async def ask(
    app: ASGIApp, caller: Caller, endpoint: str, row: Mapping[str, Any], request_id: str
) -> Answer:
    """The answer of a gateway's application to a caller who sends one row.

    The request is validated, limited, counted and recorded as every other one is.
    """
    body = orjson.dumps({"instances": [row]}, default=str)
    path = f"/v1/models/{endpoint}:predict"
    headers = {
        "host": "localhost",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-request-id": request_id,
    }
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": path, "raw_path": quote(path).encode(), "root_path": "",
        "query_string": b"", "client": None, "server": None, CALLER: caller,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in messages)
    return Answer(messages[0]["status"], _indented(content))


def _indented(content: bytes) -> str:
    try:
        return orjson.dumps(orjson.loads(content), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
