"""Predictions asked for by a value instead of over HTTP, as functions are invoked directly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import ASGIApp

from serve_app import errors
from serve_app.core.violations import value_text
from serve_app.standalone.asgi_call import Answer, Call, ask

ROWS = ("instances", "inputs", "dataframe_split", "dataframe_records")
"""One of these keys makes a value a prediction; `/invocations` takes them."""
_ENDPOINT = "endpoint"
_BY_CODE: dict[str, type[errors.ServeError]] = {
    kind.code: kind
    for kind in (getattr(errors, name) for name in errors.__all__)
    if "code" in vars(kind)
}


def is_direct(value: Any) -> bool:
    """Whether a value asks for predictions by itself."""
    return isinstance(value, Mapping) and any(key in value for key in ROWS)


async def predict(app: ASGIApp, value: Mapping[str, Any], request_id: str) -> tuple[Any, int]:
    """What an endpoint answers to a value, and how many bytes of JSON that is.

    The value is what `/invocations` takes, and may name its `endpoint`; otherwise the default
    one answers.

    Raises:
        ServeError: what the request was refused with.
    """
    answered = await ask(app, _call_of(value, request_id))
    if answered.status >= 400:
        raise error_of(answered)
    return orjson.loads(answered.body), len(answered.body)


def error_of(answered: Answer) -> errors.ServeError:
    """The error that an answer stands for, by its code, with what is wrong with which rows."""
    document = orjson.loads(answered.body)
    kind = _BY_CODE.get(document.get("error_code"), errors.ServerFault)
    message = document.get("message", f"answered with status {answered.status}")
    return kind(message, violations=document.get("violations", []))


def _call_of(value: Mapping[str, Any], request_id: str) -> Call:
    name = value.get(_ENDPOINT)
    if name is not None and not isinstance(name, str):
        msg = f"'endpoint' must be the name of one, got {value_text(name)}"
        raise errors.InvalidInput(msg)
    path = "/invocations" if name is None else f"/endpoints/{name}/invocations"
    body = {key: one for key, one in value.items() if key != _ENDPOINT}
    headers = {"content-type": "application/json", "x-request-id": request_id}
    return Call("POST", path, _json(body), headers)


def _json(value: Mapping[str, Any]) -> bytes:
    """A value as a client would write it; what orjson cannot write is the gateway's to judge."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value).encode()
