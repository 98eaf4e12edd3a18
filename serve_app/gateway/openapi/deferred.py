"""What an OpenAPI document says of answers that come later."""

from __future__ import annotations

from serve_app.gateway.openapi.schemas import JSON

_PREFER: JSON = {
    "name": "Prefer",
    "in": "header",
    "description": "`respond-async` lets the answer come later, at the address in `Location`; with "
    "`wait=10` only if it takes longer than so many seconds (RFC 7240).",
    "schema": {"type": "string", "enum": ["respond-async", "respond-async, wait=10"]},
}
_RETRY_AFTER: JSON = {
    "description": "Seconds until a look is worth it.",
    "schema": {"type": "integer"},
}
_LOCATION: JSON = {"description": "Where the answer will be.", "schema": {"type": "string"}}
_NAME: JSON = {"name": "answer", "in": "path", "required": True, "schema": {"type": "string"}}
_STATE: JSON = {
    "type": "object",
    "required": ["answer", "state", "endpoint"],
    "properties": {
        "answer": {"type": "string"},
        "state": {"enum": ["PENDING", "RUNNING"]},
        "endpoint": {"type": "string"},
    },
}
_PREDICT = ":predict"


def deferring(document: JSON) -> JSON:
    """The same document of a gateway that answers later where clients prefer that."""
    paths = {
        path: {**item, "post": _deferrable(item["post"])} if path.endswith(_PREDICT) else item
        for path, item in document["paths"].items()
    }
    refused = _answer("There is no such answer, or no longer.", {"type": "object"})
    paths["/v1/answers/{answer}"] = {
        "parameters": [_NAME],
        "get": {
            "summary": "An answer that was given later",
            "operationId": "deferred_answer",
            "tags": [document["tags"][-1]["name"]],
            "responses": {
                "200": _answer("What the request is answered.", {"type": "object"}),
                "202": _waiting("There is none yet.", {}),
                "404": refused,
            },
        },
        "delete": {
            "summary": "Forget an answer that was given later",
            "operationId": "forget_deferred_answer",
            "tags": [document["tags"][-1]["name"]],
            "responses": {"204": {"description": "It is forgotten."}, "404": refused},
        },
    }
    return {**document, "paths": paths}


def _deferrable(operation: JSON) -> JSON:
    later = _waiting("Taken; the answer comes later.", {"Location": _LOCATION})
    return {
        **operation,
        "parameters": [*operation.get("parameters", ()), _PREFER],
        "responses": {**operation["responses"], "202": later},
    }


def _waiting(description: str, headers: JSON) -> JSON:
    return {**_answer(description, _STATE), "headers": {"Retry-After": _RETRY_AFTER, **headers}}


def _answer(description: str, schema: JSON) -> JSON:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
