"""Errors as GraphQL's clients read them: a message, and all else under `extensions`."""

from __future__ import annotations

from typing import Any

from serve_app.errors import ServeError


def error_entry(error: Exception, request_id: str) -> dict[str, Any]:
    """An item of `errors`; nothing of the inside reaches the client."""
    if isinstance(error, ServeError):
        extensions = {**error.details, "code": error.code, "request_id": request_id}
        return {"message": error.message, "extensions": extensions}
    extensions = {"code": "internal", "request_id": request_id}
    return {"message": "internal error", "extensions": extensions}
