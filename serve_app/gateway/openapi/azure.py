"""The description of `/score` that Azure ML's clients generate themselves from."""

from __future__ import annotations

from typing import Any

from serve_app.core.signature import Column, Output, Signature
from serve_app.gateway.openapi.columns import column_format
from serve_app.protocols.bodies import several_targets

VERSIONS = ("2", "3", "3.1")
_PLACES = {
    "2": ({"swagger": "2.0"}, "#/definitions/"),
    "3": ({"openapi": "3.0.3"}, "#/components/schemas/"),
    "3.1": ({"openapi": "3.1.0"}, "#/components/schemas/"),
}
_JSON = "application/json"


def document(endpoint: str, signature: Signature, server: str, version: str) -> dict[str, Any]:
    """The document of one endpoint in one of `VERSIONS`, `server` being the server's version."""
    head, place = _PLACES[version]
    schemas: dict[str, Any] = {
        "ServiceInput": {
            "type": "object",
            "required": ["data"],
            "properties": {"data": {"type": "array", "items": _row(signature)}},
        },
        "ServiceOutput": {"type": "array", "items": _answer(signature.output)},
        "Error": {"type": "object", "properties": {"message": {"type": "string"}}},
    }
    refs = {name: {"$ref": place + name} for name in schemas}
    about = {"title": endpoint, "version": server}
    if version == "2":
        score: dict[str, Any] = {
            "consumes": [_JSON],
            "produces": [_JSON],
            "parameters": [
                {
                    "name": "body",
                    "in": "body",
                    "required": True,
                    "schema": refs["ServiceInput"],
                }
            ],
            "responses": _responses({name: {"schema": ref} for name, ref in refs.items()}),
        }
        more: dict[str, Any] = {"definitions": schemas}
    else:
        contents = {name: {"content": {_JSON: {"schema": ref}}} for name, ref in refs.items()}
        score = {
            "requestBody": {"required": True, **contents["ServiceInput"]},
            "responses": _responses(contents),
        }
        more = {"components": {"schemas": schemas}}
    score["operationId"] = "RunMLService"
    return {**head, "info": about, "paths": {"/score": {"post": score}}, **more}


def _responses(contents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "200": {"description": "One prediction per row.", **contents["ServiceOutput"]},
        "default": {"description": "What was wrong.", **contents["Error"]},
    }


def _row(signature: Signature) -> dict[str, Any]:
    columns = signature.inputs
    return {
        "type": "object",
        "required": [column.name for column in columns if not column.nullable],
        "properties": {column.name: _cell(column) for column in columns},
    }


def _cell(column: Column) -> dict[str, Any]:
    if not column.is_numeric:
        about = column_format(column)
        return {"type": "string", **({"format": about} if about else {})}
    if column.dtype == "bool":
        return {"type": "boolean"}
    if "int" in column.dtype:
        return {"type": "integer", "format": "int64" if "64" in column.dtype else "int32"}
    return {"type": "number", "format": "double" if "64" in column.dtype else "float"}


def _answer(output: Output) -> dict[str, Any]:
    labels = several_targets.all_labels(output) if output.targets else output.labels
    kinds = {type(label) for label in labels}
    one: dict[str, Any] = {"type": "number"}
    if kinds:
        named = {bool: "boolean", int: "integer", float: "number"}
        one = {"type": named.get(kinds.pop(), "string") if len(kinds) == 1 else "string"}
    return {"type": "array", "items": one} if output.width > 1 else one
