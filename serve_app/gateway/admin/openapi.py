"""The OpenAPI document of the admin API, made of the table of its paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serve_app.gateway.admin.paths import PATHS, AdminPath
from serve_app.gateway.admin.schemas import COMPONENTS, ref
from serve_app.gateway.openapi.protection import protected

_FAILURES = {
    "4XX": "The request cannot be done as it is; the message says what to mend.",
    "5XX": "This side cannot do it, or not now.",
}


def document(version: str, proofs: Sequence[str] = ()) -> dict[str, Any]:
    """The document, of a server of that version at which callers prove who they are by `proofs`."""
    paths: dict[str, dict[str, Any]] = {}
    for path in PATHS:
        paths.setdefault(path.whole, {})[path.method.lower()] = _operation(path)
    made = {
        "openapi": "3.1.0",
        "info": {"title": "serve-app admin API", "version": version},
        "paths": paths,
        "components": {"schemas": dict(COMPONENTS)},
    }
    return protected(made, proofs, lambda _: False, ref("Error")["$ref"])


def _operation(path: AdminPath) -> dict[str, Any]:
    names = [part[1:-1] for part in path.path.split("/") if part.startswith("{")]
    parameters = [_parameter(name, "path", {"type": "string"}) for name in names]
    parameters += [_parameter(name, "query", schema) for name, schema in path.query.items()]
    operation: dict[str, Any] = {
        "operationId": path.handler,
        "summary": path.summary,
        "parameters": parameters,
        "responses": {
            str(path.status): {
                "description": "Done." if path.status == 200 else "Begun.",
                "content": {"application/json": {"schema": path.answer}},
            },
            **{status: _failure(words) for status, words in _FAILURES.items()},
        },
        "x-access": path.access,
        "x-scope": path.action,
    }
    if path.body is not None:
        schema = {
            "type": "object",
            "properties": dict(path.body),
            "required": list(path.required),
            "additionalProperties": False,
        }
        operation["requestBody"] = {
            "required": bool(path.required),
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameter(name: str, place: str, schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _failure(words: str) -> dict[str, Any]:
    return {
        "description": words,
        "content": {"application/json": {"schema": ref("Error")}},
    }
