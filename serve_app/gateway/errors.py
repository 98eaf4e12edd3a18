"""From errors to HTTP answers: the one table of statuses."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from starlette.responses import Response

from serve_app import errors
from serve_app.protocols import error_body
from serve_app.protocols.dialect import Refusal, Reply, Words, in_common_words

logger = logging.getLogger("serve_app.gateway")
T = TypeVar("T")

STATUS: dict[type[errors.ServeError], int] = {
    errors.ClientError: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotPermitted: 403,
    errors.UnsupportedMedia: 415,
    errors.NotAcceptable: 406,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.HeaderTooLarge: 431,
    errors.TooSlow: 408,
    errors.Unavailable: 503,
    errors.Overloaded: 429,
    errors.DeadlineExceeded: 504,
    errors.ServerFault: 500,
    errors.ServeError: 500,
}
RETRY_AFTER_S = 1.0
MAX_RETRY_AFTER_S = 86_400


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
        return _worded(internal, refuse(internal))
    code = status or nearest(STATUS, error)
    refusal = refusal_of(error, code, request_id)
    answer = _worded(refusal, refuse(refusal))
    if isinstance(error, errors.Unavailable) and not isinstance(error, errors.DeadlineExceeded):
        answer.headers["retry-after"] = str(_retry_after_s(error.details))
    if isinstance(error, errors.TooSlow):
        # What may still come of its body is of no use.
        answer.headers["connection"] = "close"
    return answer


def refusal_of(error: errors.ServeError, status: int, request_id: str) -> Refusal:
    """What a dialect is given to say of an error."""
    message = error_body.text(error.message)
    return Refusal(message, error.code, status, request_id, error.details)


def _retry_after_s(details: Mapping[str, Any]) -> int:
    after_s = details.get("retry_after_s")
    if not isinstance(after_s, int | float) or not 0 <= after_s <= MAX_RETRY_AFTER_S:
        after_s = RETRY_AFTER_S
    return max(1, math.ceil(after_s))


def _worded(refusal: Refusal, reply: Reply | None) -> Response:
    """The answer in the words of a dialect, or in the common ones."""
    status = refusal.status if reply is None or reply.status is None else reply.status
    if reply is not None and reply.body:
        answer = Response(reply.body, status, media_type=reply.media_type.decode())
    else:
        answer = Response(error_body.envelope(refusal), status, media_type="application/json")
    for name, value in () if reply is None else reply.headers:
        answer.headers[name.decode()] = value.decode("latin-1")
    return answer
