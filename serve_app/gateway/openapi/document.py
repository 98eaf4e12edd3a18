"""The OpenAPI document of the endpoints as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from serve_app.gateway.openapi import answers, explanations, feedback, schemas
from serve_app.gateway.openapi.schemas import JSON, EndpointDescription
from serve_app.protocols.bodies import feedback_list
from serve_app.protocols.oip import tensors

__all__ = ["EndpointDescription", "document"]

_ERRORS = {
    400: "The body is no JSON of this dialect, or its rows break the schema.",
    404: "There is no such endpoint or version.",
    413: "The body is too large, or has too many rows.",
    415: "The content type or content encoding is not spoken here.",
    429: "More work than there are places for; try again.",
    500: "A model or the server failed.",
    503: "Nobody is there to answer yet; try again.",
    504: "There was no answer in time.",
}
_PREDICTION_HEADERS = {
    "x-prediction-id": "Identifies the answer.",
    "x-variant": "Who answered: versions, with commas between.",
    "x-snapshot": "The number of the snapshot under which the answer was given.",
    "x-fallback": "`true` where the fallback answered.",
    "x-cache": "`hit`, `miss` or `hit; rows=3/10`, where the endpoint has a cache.",
}
_RETRIED = frozenset({429, 503})
_SERVER_TAG = "this server"  # no endpoint can be called so


def document(endpoints: Sequence[EndpointDescription], *, title: str, version: str) -> JSON:
    """An OpenAPI 3.1 document; what it cannot say of endpoints stands under `x-endpoints`."""
    paths: JSON = {}
    components: JSON = dict(_COMMON_SCHEMAS)
    for endpoint in endpoints:
        paths[f"/v1/models/{endpoint.name}:predict"] = {"post": _native(endpoint)}
        if endpoint.output.kind in explanations.EXPLAINED:
            paths[f"/v1/models/{endpoint.name}:explain"] = {"post": _explained(endpoint)}
            components[f"{endpoint.name}.ExplainedAnswer"] = explanations.answer(endpoint)
        paths[f"/v2/models/{endpoint.name}/infer"] = {"post": _open_inference(endpoint)}
        paths[f"/v1/models/{endpoint.name}:feedback"] = {"post": _feedback(endpoint)}
        if endpoint.output.probabilities and endpoint.output.kind != "multioutput":
            paths[f"/v1/models/{endpoint.name}:classify"] = {
                "post": _examples(endpoint, "classify")
            }
        elif endpoint.output.kind == "regression" and endpoint.output.width == 1:
            paths[f"/v1/models/{endpoint.name}:regress"] = {"post": _examples(endpoint, "regress")}
        components[f"{endpoint.name}.Row"] = schemas.row(endpoint)
        components[f"{endpoint.name}.Cells"] = schemas.cells(endpoint)
        components[f"{endpoint.name}.Table"] = schemas.table(endpoint)
        components[f"{endpoint.name}.Request"] = schemas.request(endpoint)
        components[f"{endpoint.name}.InferRequest"] = schemas.infer_request(endpoint)
        components[f"{endpoint.name}.Answer"] = answers.answer(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [*({"name": e.name} for e in endpoints), {"name": _SERVER_TAG}],
        "paths": {**paths, **_server_paths([endpoint.name for endpoint in endpoints])},
        "components": {"schemas": components, "responses": _error_responses()},
        "x-endpoints": [_listed(endpoint) for endpoint in endpoints],
    }


def _native(endpoint: EndpointDescription) -> JSON:
    name = endpoint.name
    return {
        **_operation(f"Predict with {name}", f"predict_{name}", name),
        "description": f"`/v1/models/{name}/versions/{{version}}:predict` asks one variant.",
        "requestBody": _body(schemas.ref(f"{name}.Request"), schemas.native_example(endpoint)),
        "responses": {
            "200": _predicted("One prediction per row.", schemas.ref(f"{name}.Answer")),
            **_refused(),
        },
    }


def _explained(endpoint: EndpointDescription) -> JSON:
    name = endpoint.name
    return {
        **_operation(f"Explain predictions of {name}", f"explain_{name}", name),
        "description": "Predicts as `:predict` does, and tells what each feature adds to the "
        f"answer of each row. `/v1/models/{name}/versions/{{version}}:explain` asks one variant.",
        "requestBody": _body(schemas.ref(f"{name}.Request"), schemas.native_example(endpoint)),
        "responses": {
            "200": _predicted("Predictions, explained.", schemas.ref(f"{name}.ExplainedAnswer")),
            **_refused(),
        },
    }


def _open_inference(endpoint: EndpointDescription) -> JSON:
    name = endpoint.name
    return {
        **_operation(f"Infer with {name} (Open Inference Protocol V2)", f"infer_{name}", name),
        "description": f"`/v2/models/{name}/versions/{{version}}/infer` asks one variant.",
        "requestBody": _body(schemas.ref(f"{name}.InferRequest"), schemas.v2_example(endpoint)),
        "responses": {"200": _inferred(), **_refused()},
    }


def _feedback(endpoint: EndpointDescription) -> JSON:
    name = endpoint.name
    return {
        **_operation(f"Say what became of a prediction of {name}", f"feedback_{name}", name),
        "description": "What is said last of a prediction stands; saying it twice counts once. Of "
        "a list (also as an array alone, or CSV with a header) all that is right is kept.",
        "requestBody": _feedback_body(),
        "responses": {
            "200": _answer(
                "What became of the feedback.",
                {"anyOf": [schemas.ref("FeedbackAnswer"), schemas.ref("FeedbackListAnswer")]},
            ),
            **_refused(),
        },
    }


def _feedback_body() -> JSON:
    one, several = schemas.ref("Feedback"), schemas.ref("FeedbackList")
    body = _body({"anyOf": [one, several]}, {"prediction_id": "…", "reward": 1.0})
    lines = "key,truth\n17,1\n18,0\n"
    body["content"][feedback_list.CSV] = {"schema": {"type": "string"}, "example": lines}
    return body


def _examples(endpoint: EndpointDescription, verb: str) -> JSON:
    name = endpoint.name
    (row,) = schemas.native_example(endpoint)["instances"]
    results = {"type": "object", "properties": {"results": {"type": "array"}}}
    return {
        **_operation(
            f"{verb.capitalize()} with {name} (TensorFlow Serving)", f"{verb}_{name}", name
        ),
        "requestBody": _body(schemas.examples(endpoint), {"examples": [row]}),
        "responses": {"200": _predicted("One result per example.", results), **_refused()},
    }


def _server_paths(names: Sequence[str]) -> JSON:
    model = {
        "name": "endpoint",
        "in": "path",
        "required": True,
        "schema": {"type": "string", **({"enum": list(names)} if names else {})},
    }
    pages = {
        "/v1/endpoints": ("All endpoints with their variants and weights", "endpoints", ()),
        "/v1/models": ("The names of all endpoints", "models", ()),
        "/v1/models/{endpoint}": ("The versions of an endpoint that answer", "status", (404,)),
        "/v1/models/{endpoint}/metadata": (
            "Columns and outputs, as TensorFlow Serving describes them",
            "signature",
            (404,),
        ),
        "/v2": ("Name and version of the server", "server", ()),
        "/v2/health/live": ("The process answers", "live", ()),
        "/v2/health/ready": ("Endpoints can be asked", "ready", (503,)),
        "/v2/models/{endpoint}": ("Columns and outputs of an endpoint", "model", (404,)),
        "/v2/models/{endpoint}/ready": ("An endpoint can be asked", "model_ready", (404, 503)),
        "/openapi.json": ("This document", "openapi", ()),
    }
    paths: JSON = {}
    for path, (summary, identity, codes) in pages.items():
        answers = {"200": _answer(f"{summary}.", {"type": "object"}), **_refused(codes)}
        operation = {**_operation(summary, identity, _SERVER_TAG), "responses": answers}
        parameters = {"parameters": [model]} if "{endpoint}" in path else {}
        paths[path] = {**parameters, "get": operation}
    return paths


def _operation(summary: str, identity: str, tag: str) -> JSON:
    return {"summary": summary, "operationId": identity, "tags": [tag]}


def _body(schema: JSON, example: JSON) -> JSON:
    return {
        "description": "Plain, or with the content encoding gzip, deflate or zstd.",
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _answer(description: str, schema: JSON) -> JSON:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _predicted(description: str, schema: JSON) -> JSON:
    headers = {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in _PREDICTION_HEADERS.items()
    }
    return {**_answer(description, schema), "headers": headers}


def _inferred() -> JSON:
    """The answer in JSON, or with tensors behind it where the request wants them as bytes."""
    answer = _predicted("The answer.", schemas.ref("InferAnswer"))
    answer["content"]["application/octet-stream"] = {"schema": {}}
    length = "Where tensors follow the JSON: its length."
    answer["headers"]["inference-header-content-length"] = {
        "description": length,
        "schema": {"type": "string"},
    }
    return answer


def _refused(codes: Sequence[int] = tuple(_ERRORS)) -> JSON:
    return {str(code): {"$ref": f"#/components/responses/{_response_name(code)}"} for code in codes}


def _error_responses() -> JSON:
    responses: JSON = {}
    for code, description in _ERRORS.items():
        responses[_response_name(code)] = _answer(description, schemas.ref("Error"))
        if code in _RETRIED:
            after = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
            responses[_response_name(code)]["headers"] = {"Retry-After": after}
    return responses


def _response_name(code: int) -> str:
    return HTTPStatus(code).name.title().replace("_", "")


def _listed(endpoint: EndpointDescription) -> JSON:
    return {
        "name": endpoint.name,
        "route": endpoint.route,
        "together": endpoint.together,
        **({} if endpoint.weighted else {"weighted": False}),
        "variants": [{"version": v, "weight": weight} for v, weight in endpoint.variants],
        "columns": [column.to_json() for column in endpoint.inputs],
        "output": endpoint.output.to_json(),
    }


_STRING: JSON = {"type": "string"}
_TENSOR: JSON = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": _STRING,
        "shape": {
            "description": "[rows], or [rows, columns].",
            "type": "array",
            "items": {"type": "integer", "minimum": 0},
            "minItems": 1,
            "maxItems": 2,
        },
        "datatype": {"enum": sorted(tensors.DATATYPES)},
        "data": {"description": "Row by row; flat, or one list per row.", "type": "array"},
    },
}
_COMMON_SCHEMAS: dict[str, Any] = {
    "Feedback": feedback.ITEM,
    "FeedbackAnswer": feedback.ANSWER,
    "FeedbackList": feedback.LIST,
    "FeedbackListAnswer": feedback.LIST_ANSWER,
    "Error": {
        "type": "object",
        "required": ["error", "message", "error_code", "code", "type", "request_id"],
        "properties": {
            "error": {"description": "What was wrong, where, and what to do.", **_STRING},
            "message": {"description": "The same, for clients that look here.", **_STRING},
            "error_code": _STRING,
            "code": {"description": "The status.", "type": "integer"},
            "type": _STRING,
            "request_id": _STRING,
            "violations": {
                "description": "The first 20 rules of the schema that the rows break.",
                "type": "array",
                "items": {"$ref": "#/components/schemas/Violation"},
            },
            "total": {"description": "How many were seen.", "type": "integer"},
            "at_least": {
                "description": "There where nobody looked at the rest, since very many broke.",
                "type": "boolean",
            },
            "cause": {
                "description": "What the model says of a row that it does not take.",
                **_STRING,
            },
        },
    },
    "Violation": {
        "type": "object",
        "required": ["row", "column", "rule", "seen", "expected"],
        "properties": {
            "row": {"type": "integer"},
            "column": _STRING,
            "rule": {"enum": ["missing", "unknown", "type", "nan", "range", "category", "model"]},
            "seen": _STRING,
            "expected": _STRING,
        },
    },
    "LeftOut": {
        "description": "A variant that did not answer, and the code of the error why.",
        "type": "object",
        "properties": {"variant": _STRING, "code": _STRING},
    },
    "InferAnswer": {
        "type": "object",
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": _STRING,
            "model_version": _STRING,
            "id": _STRING,
            "outputs": {"type": "array", "items": _TENSOR},
            "parameters": {"type": "object"},
        },
    },
}
