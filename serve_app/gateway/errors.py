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


def status(error: errors.ServeError) -> int:
    """The HTTP status of an error: that of the nearest of its classes in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def response(error: Exception, request_id: str) -> Response:
    """The answer to a request that failed; nothing of the inside reaches the client."""
    if not isinstance(error, errors.ServeError):
        logger.error("unexpected error", exc_info=error, extra={"request_id": request_id})
        return _json(500, {"error": "internal error", "error_code": "internal"}, request_id)
    code = status(error)
    if isinstance(error, errors.ServerFault):
        logger.error(
            error.message,
            exc_info=error,
            extra={"request_id": request_id, "details": error.details},
        )
    body = {"error": error.message, "error_code": error.code, **error.details}
    answer = _json(code, body, request_id)
    if isinstance(error, errors.Unavailable) and not isinstance(error, errors.DeadlineExceeded):
        after_s = float(error.details.get("retry_after_s", RETRY_AFTER_S))
        answer.headers["retry-after"] = str(max(1, math.ceil(after_s)))
    return answer


def _json(code: int, body: dict[str, Any], request_id: str) -> Response:
    content = orjson.dumps(
        {**body, "request_id": request_id}, default=str, option=orjson.OPT_NON_STR_KEYS
    )
    return Response(content, code, media_type="application/json")
