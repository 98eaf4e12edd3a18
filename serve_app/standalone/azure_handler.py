"""Azure Functions' custom handlers: requests that its host wraps into JSON are unwrapped here.

With `enableForwardingHttpRequest` (or proxying) the host passes HTTP on as it is, and these
requests pass. Otherwise it posts `{"Data": …, "Metadata": …}` to `/<function>`, for triggers of
every kind: https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, InvalidInput, ServeError, TooLarge
from serve_app.gateway import errors
from serve_app.standalone import direct
from serve_app.standalone.asgi_call import Answer, Call, ask

FUNCTION = "serve_app"
"""The function's name: that of the folder of its `function.json`."""
INVOCATION = "x-azure-functions-invocationid"
"""The header of the host's own requests."""
HTTP_OUTPUT = "res"
"""The name of the HTTP output binding in `function.json`."""
MAX_BYTES = 100 * 1024 * 1024
"""What the host lets through at most."""


class AzureHandler:
    """Answers what Azure Functions' host posts to a function; the rest passes to the application.

    An HTTP trigger is answered as its client asked, in the output `res`. What any other trigger
    hands over is asked as a bare value, and the answer is the function's return value.
    """

    def __init__(self, app: ASGIApp, *, function: str = FUNCTION) -> None:
        self._app = app
        self._path = f"/{function}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if (scope["type"], scope.get("method"), scope.get("path")) != ("http", "POST", self._path):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        identity = request.headers.get(INVOCATION, "")
        try:
            document = await self._answer(_document(await _body(request)), identity)
            response = Response(orjson.dumps(document), media_type="application/json")
        except ServeError as error:
            # A status that is not 2xx is how a function fails; queues try again.
            response = errors.response(error, identity)
        await response(scope, receive, send)

    async def _answer(self, data: Mapping[str, Any], identity: str) -> dict[str, Any]:
        trigger = next(iter(data.values()))
        if isinstance(trigger, Mapping) and "Method" in trigger:
            answer = await ask(self._app, _http_call(trigger, identity))
            return {"Outputs": {HTTP_OUTPUT: _output(answer)}, "Logs": [], "ReturnValue": None}
        value = _value(trigger)
        if not direct.is_direct(value):
            msg = 'the trigger\'s data are no prediction: {"instances": […]} or {"inputs": …}'
            raise InvalidInput(msg)
        predicted, _ = await direct.predict(self._app, value, identity)
        return {"Outputs": {}, "Logs": [], "ReturnValue": predicted}


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise TooLarge(f"the host's request is larger than {MAX_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadEncoding(f"the host's request is no JSON: {error}") from error
    data = document.get("Data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not data:
        msg = (
            "the host's request has no trigger in 'Data'; this path is the function's own, for "
            "predictions ask the endpoint's"
        )
        raise InvalidInput(msg)
    return data


def _http_call(trigger: Mapping[str, Any], identity: str) -> Call:
    """The request that the host took from a client."""
    try:
        url = urlsplit(str(trigger.get("Url", "/")))
    except ValueError as error:
        msg = f"the trigger's 'Url' is none: {value_text(trigger['Url'])}"
        raise InvalidInput(msg) from error
    given = trigger.get("Headers") or {}
    if not isinstance(given, Mapping):
        msg = f"the trigger's 'Headers' must be an object, got {value_text(given)}"
        raise InvalidInput(msg)
    headers = {
        name.lower(): ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in given.items()
    }
    if identity:
        headers.setdefault("x-request-id", identity)
    return Call(
        str(trigger["Method"]).upper(),
        unquote(url.path),
        _content(trigger.get("Body")),
        headers,
        url.query.encode(),
    )


def _content(body: Any) -> bytes:
    """The client's body: the host hands text over as it is, JSON sometimes as values."""
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else orjson.dumps(body)


def _output(answer: Answer) -> dict[str, Any]:
    """The answer to an HTTP trigger; the host's form has no place for bytes that are no text."""
    try:
        body = answer.body.decode()
    except UnicodeDecodeError as error:
        msg = (
            "this answer is no text, which the host cannot hand on in this form; "
            "set enableForwardingHttpRequest in host.json"
        )
        raise InvalidInput(msg) from error
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return {"statusCode": str(answer.status), "headers": headers, "body": body}


def _value(trigger: Any) -> Any:
    """What a trigger that is not HTTP hands over: JSON, or text that is JSON, maybe twice."""
    for _ in range(2):
        if isinstance(trigger, str):
            try:
                trigger = orjson.loads(trigger)
            except orjson.JSONDecodeError:
                return trigger
    return trigger
