"""The OpenAPI document of the admin API."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 1}
_CHANGE = {
    "by": {**_TEXT, "description": "Who changes it."},
    "reason": {**_TEXT, "description": "Why."},
}
_EXPECTED = {
    "type": ["integer", "null"],
    "description": "Move it only where it names this version now; null: none.",
}
_PATHS: dict[str, dict[str, tuple[str, dict[str, Any] | None]]] = {
    "": {"get": ("The name and version of this server.", None)},
    "/status": {"get": ("What is in effect in the whole cluster.", None)},
    "/applications": {"get": ("Applications, their deployments and replicas.", None)},
    "/events": {"get": ("What was changed, by whom and why; the newest first.", None)},
    "/endpoints/{endpoint}/weights": {
        "put": (
            "Change weights of an endpoint's variants until the next deploy.",
            {
                "weights": {"type": "object", "additionalProperties": {"type": "number"}},
                **_CHANGE,
            },
        )
    },
    "/models": {"get": ("All models with their versions and aliases.", None)},
    "/models/{model}/versions/{version}": {"get": ("The manifest of a version.", None)},
    "/models/{model}/aliases": {"get": ("Every move of every alias of a model.", None)},
    "/models/{model}/aliases/{alias}": {
        "put": (
            "Let an alias name another version.",
            {"version": _NUMBER, "expected": _EXPECTED, **_CHANGE},
        ),
        "delete": ("Remove an alias; its history stays.", {"expected": _EXPECTED, **_CHANGE}),
    },
}
_REQUIRED = ("weights", "version")
_QUERY = {"/events": ("limit", "kind", "subject")}


def document(prefix: str, version: str) -> dict[str, Any]:
    """The document, for paths below `prefix`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "serve-app admin API", "version": version},
        "paths": {
            prefix + path: {method: _operation(path, *one) for method, one in methods.items()}
            for path, methods in _PATHS.items()
        },
    }


def _operation(path: str, summary: str, body: dict[str, Any] | None) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    parameters += [{"name": name, "in": "query", "schema": _TEXT} for name in _QUERY.get(path, ())]
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {}}},
            "default": {"description": "What is wrong, in words.", "content": _ERROR},
        },
    }
    if body is not None:
        schema = {
            "type": "object",
            "properties": body,
            "required": [name for name in _REQUIRED if name in body],
            "additionalProperties": False,
        }
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


_ERROR = {
    "application/json": {
        "schema": {"type": "object", "properties": {"error": _TEXT, "code": {"type": "integer"}}}
    }
}
