from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import numpy as np
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from serve_app.core.messages import Answer, Failure, Payload, Prediction, Request, Response, Warned
from serve_app.core.schema import Policy, Schema
from serve_app.core.signature import Column, Output
from serve_app.errors import ClientError
from serve_app.gateway.openapi.document import EndpointDescription, document
from serve_app.protocols.dialect import Call
from serve_app.protocols.dialects import native
from serve_app.protocols.oip import v2 as oip_v2

COLUMNS = (
    Column("age", "int64", minimum=29, maximum=77),
    Column("pressure", "float64", nullable=True, minimum=94.0),
    Column("sex", "string", categories=("female", "male")),
    Column("smoker", "bool"),
)
CLASSES = Output("classification", labels=("absent", "present"), probabilities=True)


def described(**changed: Any) -> EndpointDescription:
    known: dict[str, Any] = {
        "name": "heart",
        "inputs": COLUMNS,
        "output": CLASSES,
        "variants": (("heart-xgb@3", 90.0), ("heart-forest@1", 10.0)),
        "route": "split",
        "example": {"age": 63, "pressure": math.nan, "sex": "male", "smoker": True},
    }
    return EndpointDescription(**{**known, **changed})


def documented(*endpoints: EndpointDescription) -> dict[str, Any]:
    made = document(endpoints, title="serve-app", version="1.2.3")
    read: dict[str, Any] = orjson.loads(orjson.dumps(made))
    return read


def validator(made: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": made["components"]}
    return jsonschema.Draft202012Validator(schema)


def row(**changed: Any) -> dict[str, Any]:
    return {"age": 50, "pressure": 120.0, "sex": "male", "smoker": False, **changed}


@pytest.mark.parametrize(
    "endpoints",
    [
        (),
        (described(),),
        (described(), described(name="plain", output=Output("regression"), example=None)),
        (described(reactions={"category": "refuse", "range": "refuse", "unknown": "ignore"}),),
        (described(output=Output("regression", width=3)),),
        (described(output=Output("classification", labels=(0, 1))),),
    ],
)
def test_the_document_is_valid_openapi(endpoints: tuple[EndpointDescription, ...]) -> None:
    OpenAPIV31SpecValidator(documented(*endpoints)).validate()  # type: ignore[arg-type]


def test_every_endpoint_has_its_own_paths_beside_the_common_ones() -> None:
    prices = described(name="prices", output=Output("regression"))
    assert set(documented(described(), prices)["paths"]) == {
        "/v1/models/heart:predict",
        "/v1/models/heart:explain",
        "/v1/models/heart:feedback",
        "/v2/models/heart/infer",
        "/v1/models/heart:classify",
        "/v1/models/prices:predict",
        "/v1/models/prices:explain",
        "/v1/models/prices:feedback",
        "/v2/models/prices/infer",
        "/v1/models/prices:regress",
        "/v1/endpoints",
        "/v1/models",
        "/v1/models/{endpoint}",
        "/v1/models/{endpoint}/metadata",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{endpoint}",
        "/v2/models/{endpoint}/ready",
        "/openapi.json",
    }


def test_predictions_document_every_error_that_a_client_can_meet() -> None:
    post = documented(described())["paths"]["/v1/models/heart:predict"]["post"]
    assert set(post["responses"]) == {
        str(code) for code in (200, 400, 404, 413, 415, 429, 500, 503, 504)
    }


@pytest.mark.parametrize("example", [described().example, None, {}])
def test_the_examples_fit_the_documented_schema_the_dialects_and_the_columns(example: Any) -> None:
    endpoint = described(example=example)
    made = documented(endpoint)
    for path, schema, dialect in (
        ("/v1/models/heart:predict", "heart.Request", native.DIALECT),
        ("/v2/models/heart/infer", "heart.InferRequest", oip_v2.DIALECT),
    ):
        body = made["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        validator(made, schema).validate(body)
        names = tuple(column.name for column in COLUMNS)
        payload = dialect.decode(Call(orjson.dumps(body), names, 1))
        columns, warnings = Schema(COLUMNS, endpoint.policy).validate(payload.columns, payload.rows)
        assert columns.rows == 1
        assert warnings == ()


@pytest.mark.parametrize("instance", [row(), row(pressure=None), row(age=150, sex="other")])
def test_rows_that_are_served_fit_the_documented_schema(instance: dict[str, Any]) -> None:
    check = validator(documented(described()), "heart.Request")
    check.validate({"instances": [instance]})
    check.validate({"instances": [list(instance.values())]})


@pytest.mark.parametrize(
    "instance",
    [row(age="x"), row(age=None), row(age=1.5), row(smoker=1), row(extra=1), {"age": 50}, [50], 5],
)
def test_rows_that_are_refused_do_not_fit_the_documented_schema(instance: Any) -> None:
    assert not validator(documented(described()), "heart.Request").is_valid(
        {"instances": [instance]}
    )


ALIKE = Column("x", "float64", minimum=0.0), Column("y", "float64")


def tensor(name: str, data: list[Any], **changed: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": "FP64", "data": data, **changed}


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"instances": [{"x": [1.0, 2.0], "y": [3.0, 4.0]}]}, True),
        ({"instances": []}, True),
        ({"inputs": {"x": [1.0], "y": [[2.0]]}}, True),
        ({"inputs": [[1.0, 2.0]]}, True),
        ({"inputs": [{"x": 1.0, "y": 2.0}], "signature_name": "predict_proba"}, True),
        ({"instances": [[1.0, 2.0]], "signature_name": None, "id": 2**64 - 1}, True),
        ({"instances": [[1.0, 2.0], {"x": 1.0, "y": 2.0}]}, False),
        ({"instances": [{"x": [1.0]}]}, False),
        ({"inputs": {"x": [1.0]}}, False),
        ({"inputs": {"x": [1.0], "y": ["2"]}}, False),
        ({"inputs": {"x": [1.0], "y": [2.0], "z": []}}, False),
        ({"instances": [[1.0, 2.0]], "signature_name": "classify"}, False),
        ({"instances": [[1.0, 2.0]], "id": 2**64}, False),
    ],
)
def test_bodies_are_documented_as_they_are_taken(body: Any, fits: bool) -> None:
    made = documented(described(name="pair", inputs=ALIKE))
    assert validator(made, "pair.Request").is_valid(body) is fits
    assert _taken(native.DIALECT, body) is fits


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"inputs": [tensor("x", [1.0]), tensor("y", [2.0], shape=[1, 1])]}, True),
        ({"inputs": [tensor("x", [1.0], datatype="FP32"), tensor("y", [2.0])]}, True),
        ({"inputs": [tensor("m", [1.0, 2.0], shape=[1, 2])]}, True),
        ({"inputs": [tensor("m", [[1.0, 2.0]], shape=[1, 2])]}, True),
        ({"inputs": [tensor("x", [1.0]), tensor("y", [2.0])], "outputs": None}, True),
        ({"inputs": [tensor("m", [1.0, 2.0], shape=[1, 2])], "outputs": [{"name": "x"}]}, False),
        ({"inputs": [tensor("m", [1.0, 2.0], shape=[1, 2])], "outputs": {}}, False),
        ({"inputs": [tensor("x", [1.0])]}, False),
        ({"inputs": [tensor("x", []), tensor("z", [])]}, False),
        ({"inputs": [tensor("x", ["1"]), tensor("y", [2.0])]}, False),
        ({"inputs": [tensor("x", [1.0], shape=[1, 1, 1]), tensor("y", [2.0])]}, False),
        ({"inputs": []}, False),
    ],
)
def test_tensors_are_documented_as_they_are_taken(body: Any, fits: bool) -> None:
    made = documented(described(name="pair", inputs=ALIKE))
    assert validator(made, "pair.InferRequest").is_valid(body) is fits
    assert _taken(oip_v2.DIALECT, body) is fits


def _taken(dialect: Any, body: Any) -> bool:
    names = tuple(column.name for column in ALIKE)
    try:
        payload = dialect.decode(Call(json.dumps(body).encode(), names, 9))
        Schema(ALIKE, Policy()).validate(payload.columns, payload.rows)
    except ClientError:
        return False
    return True


@pytest.mark.parametrize(
    ("example", "fits"),
    [
        ({"age": 50, "pressure": [120.0], "sex": "male", "smoker": [False]}, True),
        ({"age": [50, 51], "pressure": 120.0, "sex": "male", "smoker": False}, False),
        ({"age": 50}, False),
    ],
)
def test_features_of_examples_may_stand_in_lists(example: Any, fits: bool) -> None:
    made = documented(described())
    post = made["paths"]["/v1/models/heart:classify"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    found = jsonschema.Draft202012Validator({**schema, "components": made["components"]})
    assert found.is_valid({"examples": [example]}) is fits


def test_the_names_of_endpoints_are_those_that_there_are() -> None:
    (parameter,) = documented(described())["paths"]["/v2/models/{endpoint}"]["parameters"]
    assert parameter["schema"] == {"type": "string", "enum": ["heart"]}
    (parameter,) = documented()["paths"]["/v2/models/{endpoint}"]["parameters"]
    assert parameter["schema"] == {"type": "string"}


@pytest.mark.parametrize("rule", ["missing", "unknown", "nan", "range", "category"])
@pytest.mark.parametrize("reaction", ["refuse", "warn", "ignore"])
def test_the_documented_schema_refuses_what_the_policy_refuses(rule: str, reaction: str) -> None:
    broken = {
        "missing": {k: v for k, v in row().items() if k != "age"},
        "unknown": row(extra=1),
        "nan": row(age=None),
        "range": row(age=150),
        "category": row(sex="other"),
    }[rule]
    endpoint = described(reactions={rule: reaction})
    made = documented(endpoint)
    fits = validator(made, "heart.Request").is_valid({"instances": [broken]})
    assert fits == (reaction != "refuse")


def test_ranges_and_categories_that_only_warn_are_told_in_words() -> None:
    cells = documented(described())["components"]["schemas"]["heart.Row"]["properties"]
    assert cells["age"]["description"] == "Minimum in training: 29. Maximum in training: 77."
    assert cells["sex"]["description"] == "Known values: female, male."


@pytest.mark.parametrize("probabilities", [None, np.array([[0.1, 0.9]])])
def test_answers_are_as_documented(probabilities: Any) -> None:
    endpoint = described(
        output=Output("classification", CLASSES.labels, probabilities=probabilities is not None)
    )
    answer = Response(
        request=Request("heart", Payload({}, 1, id="call-1"), "req-1"),
        prediction_id="pred-1",
        snapshot_version=7,
        answer=Answer(
            Prediction(np.array(["present"]), probabilities),
            ("heart-xgb@3",),
            (Failure("heart-forest@1", "not_ready"),),
            fallback=True,
        ),
        labels=CLASSES.labels,
        warnings=(Warned(0, "age", "range", "150", "29 to 77"),),
    )
    made = documented(endpoint)
    body = orjson.loads(native.DIALECT.encode(answer).body)
    validator(made, "heart.Answer").validate(body)
    undocumented = body.keys() - made["components"]["schemas"]["heart.Answer"]["properties"].keys()
    assert not undocumented
    validator(made, "InferAnswer").validate(orjson.loads(oip_v2.DIALECT.encode(answer).body))


def test_what_openapi_has_no_words_for_is_there_too() -> None:
    (endpoint,) = documented(described())["x-endpoints"]
    assert endpoint["route"] == "split"
    assert endpoint["variants"][0] == {"version": "heart-xgb@3", "weight": 90.0}
    assert [column["name"] for column in endpoint["columns"]] == [
        "age",
        "pressure",
        "sex",
        "smoker",
    ]


def test_reactions_are_those_of_the_policy() -> None:
    assert described(reactions={"range": "refuse"}).policy == Policy(range="refuse")


def test_predictions_tell_of_their_headers_and_of_compressed_bodies() -> None:
    paths = document([described()], title="t", version="1")["paths"]
    for path in ("/v1/models/heart:predict", "/v2/models/heart/infer"):
        operation = paths[path]["post"]
        assert {"x-prediction-id", "x-variant", "x-cache"} <= operation["responses"]["200"][
            "headers"
        ].keys()
        assert "gzip" in operation["requestBody"]["description"]
