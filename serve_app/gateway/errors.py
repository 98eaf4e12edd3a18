"""From errors to HTTP answers: the one table of statuses."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from starlette.responses import Response

from serve_app import errors
from serve_app.protocols import torchserve
from serve_app.protocols.dialect import Refusal, Reply, Words, in_common_words

logger = logging.getLogger("serve_app.gateway")
T = TypeVar("T")

STATUS: dict[type[errors.ServeError], int] = {
    errors.ClientError: 400,
    errors.NotPermitted: 403,
    errors.UnsupportedMedia: 415,
    errors.NotAcceptable: 406,
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


def nearest(table: Mapping[type[errors.ServeError], T], error: errors.ServeError) -> T:
    """What stands in a table for an error: for the nearest of its classes."""
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def log(error: Exception, request_id: str) -> None:
    """Tell the log of what is a fault of this side."""
    if not isinstance(error, errors.ServeError):
        logger.error("unexpected error", exc_info=error, extra={"request_id": request_id})
    elif isinstance(error, errors.ServerFault):
        logger.error(
            error.message,
            exc_info=error,
            extra={"request_id": request_id, "details": error.details},
        )


def response(
    error: Exception,
    request_id: str,
    *,
    status: int | None = None,
    refuse: Words = in_common_words,
) -> Response:
    """The answer to a request that failed; nothing of the inside reaches the client.

    `status` takes the place of the one that the error has in the table; `refuse` are a
    dialect's own words, whose body, where it has one, takes the place of the common one.
    """
    log(error, request_id)
    if not isinstance(error, errors.ServeError):
        internal = Refusal("internal error", "internal", 500, request_id)
        return _worded(internal, {}, refuse(internal))
    code = status or nearest(STATUS, error)
    refusal = Refusal(error.message, error.code, code, request_id)
    answer = _worded(refusal, error.details, refuse(refusal))
    if isinstance(error, errors.Unavailable) and not isinstance(error, errors.DeadlineExceeded):
        after_s = float(error.details.get("retry_after_s", RETRY_AFTER_S))
        answer.headers["retry-after"] = str(max(1, math.ceil(after_s)))
    return answer


def _worded(refusal: Refusal, details: Mapping[str, Any], reply: Reply | None) -> Response:
    """An error for all clients, each of which looks for it in another place.

    The Open Inference Protocol, TensorFlow Serving and KServe read `error`, MLflow `error_code`
    and `message`, TorchServe `code`, `type` and `message`, Azure ML `message`.
    """
    status = refusal.status if reply is None or reply.status is None else reply.status
    if reply is not None and reply.body:
        answer = Response(reply.body, status, media_type=reply.media_type.decode())
    else:
        body = {
            **details,
            "error": refusal.message,
            "message": refusal.message,
            "error_code": refusal.code,
            "code": refusal.status,
            "type": torchserve.TYPES.get(refusal.status, torchserve.TYPES[400]),
            "request_id": refusal.request_id,
        }
        content = orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)
        answer = Response(content, status, media_type="application/json")
    for name, value in () if reply is None else reply.headers:
        answer.headers[name.decode()] = value.decode("latin-1")
    return answer
