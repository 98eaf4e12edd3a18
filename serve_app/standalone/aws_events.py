"""What Lambda hands to a function and takes back: kinds of events, and what fits into an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from starlette.responses import Response

from serve_app.core.violations import value_text
from serve_app.errors import InvalidInput, TooLarge
from serve_app.gateway import errors
from serve_app.standalone import direct

Kind = Literal["url", "api", "balancer", "direct"]
LAMBDA_BYTES = 6 * 1024 * 1024
"""What Lambda takes back from a function, as JSON."""
BALANCER_BYTES = 1_000_000
"""What a load balancer takes of it."""
_NAMES = 5
"""How many names of an event's parts a refusal shows."""
_ESCAPED = 12
"""The most bytes that JSON in ASCII makes of one character."""


def kind_of(event: Any) -> Kind:
    """Who sent an event: a function URL or HTTP API, a REST API, a load balancer, a caller.

    Raises:
        InvalidInput: none of them; says what is understood.
    """
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    if isinstance(context, Mapping):
        if "elb" in context:
            return "balancer"
        if event.get("version") == "2.0":
            return "url"
        if "httpMethod" in event:
            return "api"
    elif direct.is_direct(event):
        return "direct"
    msg = (
        f"this event is not understood: {_shown(event)}. A function URL, an HTTP API, a REST "
        'API or a load balancer can send one, or a caller {"instances": […]} or {"inputs": …}'
    )
    raise InvalidInput(msg)


def _shown(event: Any) -> str:
    if not isinstance(event, Mapping) or not event:
        return value_text(event)
    names = [value_text(name) for name in event]
    more = ", …" if len(names) > _NAMES else ""
    return f"an object with {', '.join(names[:_NAMES])}{more}"


def without_stage(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An HTTP API's event without the name of its stage, which its own address puts before paths.

    A stage `$default` stands in no path; nor does one behind a domain of the API's owner. A REST
    API takes it off itself.
    """
    context = event["requestContext"]
    stage = context.get("stage")
    if ".execute-api." not in str(context.get("domainName")) or "version" not in event:
        return event
    http = context.get("http", {})
    path = event["path"] if "path" in event else http["path"]
    if not path.startswith(f"/{stage}/"):
        return event
    path = path.removeprefix(f"/{stage}")
    if "path" in event:
        return {**event, "path": path}
    return {**event, "requestContext": {**context, "http": {**http, "path": path}}}


def fitting(answer: dict[str, Any], kind: Kind, request_id: str) -> dict[str, Any]:
    """The answer to an HTTP event, or a refusal in its place where Lambda would not take it."""
    limit = BALANCER_BYTES if kind == "balancer" else LAMBDA_BYTES
    size = _size(answer, limit, len(answer.get("body", "")))
    if size <= limit:
        return answer
    return refused(_too_large(size, limit), kind, request_id)


def fitting_value(value: Any, body_bytes: int) -> Any:
    """The answer to a direct event, which is `body_bytes` long as compact JSON.

    Raises:
        TooLarge: Lambda would not take it.
    """
    size = _size(value, LAMBDA_BYTES, body_bytes)
    if size > LAMBDA_BYTES:
        raise _too_large(size, LAMBDA_BYTES)
    return value


def refused(error: Exception, kind: Kind, request_id: str) -> dict[str, Any]:
    """The answer to an HTTP event that is refused before or after the gateway."""
    response: Response = errors.response(error, request_id)
    headers = {**dict(response.headers), "x-request-id": request_id}
    answer: dict[str, Any] = {
        "statusCode": response.status_code,
        "headers": headers,
        "body": bytes(response.body).decode(),
        "isBase64Encoded": False,
    }
    if kind != "url":
        answer["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
    return answer


def _size(value: Any, limit: int, characters: int) -> int:
    """The bytes of a value as Lambda's runtime writes it; roughly, where they surely fit."""
    roughly = characters * _ESCAPED + 65_536
    return roughly if roughly <= limit else len(json.dumps(value))


def _too_large(size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"the answer is too large for its way back: {size:,} bytes, and {limit:,} fit; "
        "ask for fewer rows at once"
    )
