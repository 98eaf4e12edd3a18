"""Errors of the admin API, which all have one form: a code for programs, a message for people."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from serve_app.errors import ServeError
from serve_app.gateway import errors
from serve_app.protocols import error_body
from serve_app.protocols.dialect import Refusal, Reply


def response(error: Exception, request_id: str, *, status: int | None = None) -> Response:
    """The answer to a request that failed; `status` takes the place of the error's own."""
    return errors.response(error, request_id, status=status, refuse=_in_one_form)


def to_json(error: ServeError) -> dict[str, str]:
    """An error as a change that failed tells of it."""
    return {"code": error.code, "message": error.message}


def _in_one_form(refusal: Refusal) -> Reply:
    body: dict[str, Any] = {
        "code": refusal.code,
        "message": refusal.message,
        "request_id": refusal.request_id,
    }
    if refusal.details:
        body["details"] = refusal.details
    return Reply(error_body.dump(body), b"application/json")
