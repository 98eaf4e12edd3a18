"""The common form of errors, and JSON of whatever an error has to tell."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from serve_app.protocols.dialect import Refusal

TYPES = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "ModelNotFoundException",
    405: "MethodNotAllowedException",
    406: "NotAcceptableException",
    409: "ConflictStatusException",
    413: "RequestEntityTooLargeException",
    415: "UnsupportedMediaTypeException",
    429: "ServiceUnavailableException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
    504: "ServiceUnavailableException",
}
"""What TorchServe's clients read as `type`, by status."""
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_DEPTH = 16


def envelope(refusal: Refusal) -> bytes:
    """An error for all clients, each of which looks for it in another place.

    The Open Inference Protocol, TensorFlow Serving and KServe read `error`, MLflow `error_code`
    and `message`, TorchServe `code`, `type` and `message`, Azure ML `message`.
    """
    return dump(
        {
            **refusal.details,
            "error": refusal.message,
            "message": refusal.message,
            "error_code": refusal.code,
            "code": refusal.status,
            "type": TYPES.get(refusal.status, TYPES[400]),
            "request_id": refusal.request_id,
        }
    )


def dump(value: Any) -> bytes:
    """Any value as JSON: an error has to be told, whatever is in it.

    What JSON or its readers do not know becomes text, integers beyond 64 bits too; NaN and
    infinities become null.
    """
    try:
        return orjson.dumps(value, default=text, option=_OPTIONS)
    except Exception:  # noqa: BLE001 - an error about an error would tell nobody anything
        return json.dumps(_plain(value, _DEPTH), ensure_ascii=False).encode()


def text(value: Any) -> str:
    """Any value as text that can be encoded."""
    try:
        as_text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return as_text.encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001 - the same; integers of thousands of digits have no text
        return f"<{type(value).__name__}>"


def _plain(value: Any, depth: int) -> Any:
    """A value of kinds that every reader of JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else text(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth and isinstance(value, Mapping):
        return {text(key): _plain(one, depth - 1) for key, one in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, depth - 1) for one in value]
    return text(value) if depth else "…"
