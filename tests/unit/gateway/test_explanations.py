"""`:explain` takes what `:predict` takes, and answers why beside what."""

import json
import math

import jsonschema
import numpy as np
import pytest

from serve_app.errors import NotReady
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from tests.unit.gateway.harness import ROW

OTHER = {"age": 44.0, "dose": 1.0}


def explained(client, endpoint, *rows, place="", **more):
    body = {"instances": list(rows), **more.pop("body", {})}
    return client.send("POST", f"/v1/models/{endpoint}{place}:explain", json=body, **more)


def sums(body):
    return [
        one["base_value"] + math.fsum(one["contributions"].values()) for one in body["explanations"]
    ]


def test_an_explanation_is_that_of_the_answer_beside_it(client):
    answer = explained(client, "risk", ROW, OTHER, headers={"x-request-id": "mine"})
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert body["predictions"] == client.predict("risk", ROW, OTHER).json()["predictions"]
    assert (body["method"], body["space"], body["explained_class"]) == (
        "linear", "log_odds", "well",
    )  # fmt: skip
    assert list(body["explanations"][0]["contributions"]) == ["age", "dose"]
    outputs = [one["output"] for one in body["explanations"]]
    assert sums(body) == pytest.approx(outputs)
    shares = [1 / (1 + math.exp(-output)) for output in outputs]
    assert [row[1] for row in body["probabilities"]] == pytest.approx(shares)
    assert (body["prediction_id"], body["request_id"]) == ("id-1", "mine")
    assert answer.headers["x-prediction-id"] == "id-1"
    assert answer.headers["x-variant"] == "logistic@1"


def test_numbers_are_taken_apart_as_they_are(client):
    body = explained(client, "age", ROW).json()
    assert (body["method"], body["space"]) == ("linear", "value")
    assert "explained_class" not in body
    (one,) = body["explanations"]
    assert one["output"] == pytest.approx(body["predictions"][0])
    assert sums(body) == pytest.approx([61.0])


@pytest.mark.parametrize("place", ["/versions/other@1", "/labels/both"])
def test_one_version_can_be_asked_by_its_name_and_by_an_alias(client, place):
    answer = explained(client, "risk", ROW, place=place)
    if place.startswith("/labels"):
        # Two models use that alias, as `:predict` says too.
        assert answer.status_code == 400
        answer = explained(client, "risk", ROW, place="/labels/champion")
        assert answer.json()["variants"] == ["logistic@1"]
        return
    assert answer.json()["variants"] == ["other@1"]


def test_whom_the_route_chooses_is_explained(client):
    for patient in range(5):
        key = {"patient_id": f"p-{patient}"}
        why = explained(client, "risk", ROW, body=key).json()
        assert why["variants"] == client.predict("risk", ROW, body=key).json()["variants"]


def test_the_fallback_is_explained_where_it_answers(client):
    client.models.errors["logistic@1"] = NotReady("no replica")
    body = explained(client, "risk", ROW).json()
    assert (body["variants"], body["fallback"]) == (["other@1"], True)
    client.models.errors.clear()
    alone = explained(client, "risk", ROW, place="/versions/other@1").json()
    assert body["explanations"] == alone["explanations"]


def test_an_ensemble_is_the_mean_of_its_members(client):
    together = explained(client, "both", ROW).json()["explanations"][0]
    members = [
        explained(client, "both", ROW, place=f"/versions/{name}").json()["explanations"][0]
        for name in ("logistic@1", "other@1")
    ]
    for name in ROW:
        mean = np.mean([one["contributions"][name] for one in members])
        assert together["contributions"][name] == pytest.approx(mean)
    assert together["output"] == pytest.approx(np.mean([one["output"] for one in members]))


def test_columns_are_taken_like_rows(client):
    by_column = {"inputs": {name: [value] for name, value in ROW.items()}}
    answer = client.send("POST", "/v1/models/age:explain", json=by_column)
    assert answer.json()["explanations"] == explained(client, "age", ROW).json()["explanations"]


def test_what_predict_refuses_is_refused_alike(client):
    bad = {**ROW, "age": "old"}
    refused, predicted = explained(client, "risk", bad), client.predict("risk", bad)
    assert refused.status_code == predicted.status_code == 400
    assert refused.json()["violations"] == predicted.json()["violations"]
    assert explained(client, "nobody", ROW).status_code == 404
    assert client.get("/v1/models/risk:explain").status_code in {404, 405}


def test_more_rows_than_are_explained_at_once_are_refused_in_words(client):
    settings = Settings(max_body_bytes=10_000, max_rows=50, max_explained_rows=2)
    client.app = build(client.predictor, settings)
    assert explained(client, "age", ROW, ROW).status_code == 200
    refused = explained(client, "age", ROW, ROW, ROW)
    assert refused.status_code == 413
    assert "3 rows are to be explained, above the limit of 2" in refused.json()["error"]
    # What is refused was not predicted either.
    assert client.predict("age", ROW).json()["prediction_id"] == "id-2"


def test_the_answer_is_as_the_document_says(client):
    read = json.loads(client.get("/openapi.json").content)
    for name in ("risk", "age", "both"):
        operation = read["paths"][f"/v1/models/{name}:explain"]["post"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": read["components"]}
        body = explained(client, name, ROW, OTHER).json()
        jsonschema.Draft202012Validator(whole).validate(body)
        del body["explanations"]
        with pytest.raises(jsonschema.ValidationError, match="explanations"):
            jsonschema.Draft202012Validator(whole).validate(body)


def test_kserve_has_its_explanations_where_its_clients_look(client):
    rows = {"instances": [ROW]}
    answer = client.send("POST", "/kserve/v1/models/age:explain", json=rows)
    assert answer.json()["explanations"] == explained(client, "age", ROW).json()["explanations"]
