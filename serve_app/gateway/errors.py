"""From errors to HTTP answers: the one table of statuses."""

from __future__ import annotations

import logging
import math
from typing import Any

import orjson
from starlette.responses import Response

from serve_app import errors

logger = logging.getLogger("serve_app.gateway")

STATUS: dict[type[errors.ServeError], int] = {
    errors.ClientError: 400,
    errors.UnsupportedMedia: 415,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Unavailable: 503,
    errors.Overloaded: 429,
    errors.DeadlineExceeded: 504,
    errors.ServerFault: 500,
    errors.ServeError: 500,
}
RETRY_AFTER_S = 1.0
TYPES = {
    400: "BadRequestException",
    404: "ModelNotFoundException",
    405: "MethodNotAllowedException",
    409: "ConflictStatusException",
    413: "RequestEntityTooLargeException",
    415: "UnsupportedMediaTypeException",
    429: "ServiceUnavailableException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
    504: "ServiceUnavailableException",
}
"""What TorchServe's clients read as `type`."""


def status_of(error: errors.ServeError) -> int:
    """The HTTP status of an error: that of the nearest of its classes in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def response(error: Exception, request_id: str, *, status: int | None = None) -> Response:
    """The answer to a request that failed; nothing of the inside reaches the client.

    `status` takes the place of the one that the error has in the table.
    """
    if not isinstance(error, errors.ServeError):
        logger.error("unexpected error", exc_info=error, extra={"request_id": request_id})
        return _json(500, envelope("internal error", "internal", 500), request_id)
    code = status or status_of(error)
    if isinstance(error, errors.ServerFault):
        logger.error(
            error.message,
            exc_info=error,
            extra={"request_id": request_id, "details": error.details},
        )
    body = envelope(error.message, error.code, code)
    answer = _json(code, {**error.details, **body}, request_id)
    if isinstance(error, errors.Unavailable) and not isinstance(error, errors.DeadlineExceeded):
        after_s = float(error.details.get("retry_after_s", RETRY_AFTER_S))
        answer.headers["retry-after"] = str(max(1, math.ceil(after_s)))
    return answer


def envelope(message: str, code: str, status: int) -> dict[str, Any]:
    """One error for all clients, each of which looks for it in another place.

    The Open Inference Protocol, TensorFlow Serving and KServe read `error`, MLflow `error_code`
    and `message`, TorchServe `code`, `type` and `message`, Azure ML `message`.
    """
    kind = TYPES.get(status, TYPES[400])
    return {
        "error": message, "message": message, "error_code": code, "code": status, "type": kind
    }  # fmt: skip


def _json(code: int, body: dict[str, Any], request_id: str) -> Response:
    content = orjson.dumps(
        {**body, "request_id": request_id}, default=str, option=orjson.OPT_NON_STR_KEYS
    )
    return Response(content, code, media_type="application/json")
