"""What an OpenAPI document says of access: proofs of who asks, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from serve_app.gateway.access import public_paths

JSON = dict[str, Any]
_SCHEMES: dict[str, JSON] = {
    "key": {
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "x-api-key",
            "description": "An API key, as serve-app keys create shows it once.",
        }
    },
    "token": {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of the issuer.",
        }
    },
    "certificate": {
        "certificate": {
            "type": "mutualTLS",
            "description": "A client certificate whose subject is a principal's.",
        }
    },
}
_CHALLENGE: JSON = {"WWW-Authenticate": {"schema": {"type": "string"}}}
_AFTER: JSON = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_REFUSALS: dict[str, tuple[str, JSON]] = {
    "401": ("Nobody is known by what the request shows.", _CHALLENGE),
    "403": ("The caller is known, and may not do this.", {}),
    "429": ("More than the caller may ask, or than there are places for; try again.", _AFTER),
}


def protected(
    document: JSON, means: Sequence[str], is_public: Callable[[str], bool], error: str
) -> JSON:
    """The same document of a server at which callers prove who they are by some `means`.

    Those are key, token and certificate, each of which suffices; without any it is the document as
    it is. `is_public` says at which paths everybody may look, `error` refers to the schema of
    errors.
    """
    if not means:
        return document
    schemes: JSON = {}
    for one in means:
        schemes.update(_SCHEMES[one])
    refusals = {status: _refusal(*words, error) for status, words in _REFUSALS.items()}
    paths = {
        path: {
            method: _operation(body, refusals, is_public(path)) if _is_operation(body) else body
            for method, body in item.items()
        }
        for path, item in document["paths"].items()
    }
    components = {**document["components"], "securitySchemes": schemes}
    security: list[JSON] = [{name: []} for name in schemes]
    return {**document, "paths": paths, "components": components, "security": security}


def is_health(path: str) -> bool:
    """Whether everybody may look at a path of the main port."""
    return path in public_paths("all")


def _operation(operation: JSON, refusals: JSON, is_public: bool) -> JSON:
    if is_public:
        return {**operation, "security": []}
    return {**operation, "responses": {**refusals, **operation["responses"]}}


def _is_operation(body: Any) -> bool:
    return isinstance(body, dict) and "responses" in body


def _refusal(words: str, headers: JSON, error: str) -> JSON:
    schema = {"application/json": {"schema": {"$ref": error}}}
    return {
        "description": words,
        "content": schema,
        **({"headers": headers} if headers else {}),
    }
