"""The bodies of TensorFlow Serving's REST documentation, posted as it posts them."""

import gzip
import json

import httpx
import pytest

from serve_app.models.frames import to_columns

AS_A_FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def client(served):
    with httpx.Client(base_url=f"http://{served.http}/v1/models/") as made:
        yield made


def predicted(served, version, frame):
    return served.models[version].predict(to_columns(frame))


def posted(client, path, body):
    """What is answered to a body as `curl -d` sends those of the documentation."""
    answer = client.post(path, content=json.dumps(body), headers=AS_A_FORM)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


@pytest.mark.parametrize("signature", [{}, {"signature_name": "serving_default"}])
@pytest.mark.parametrize("form", ["objects", "lists"])
def test_rows_are_answered_with_predictions(served, client, head, form, signature):
    rows = {"objects": head.to_dict("records"), "lists": head.to_numpy().tolist()}[form]
    answer = posted(client, "/risk:predict", {**signature, "instances": rows})
    assert answer["predictions"] == predicted(served, "logistic@1", head).values.tolist()


@pytest.mark.parametrize("wrapped", [False, True])
def test_columns_are_answered_with_outputs(served, client, head, wrapped):
    columns = head.to_dict("list")
    if wrapped:  # as tensors of shape [rows, 1]
        columns = {name: [[value] for value in values] for name, values in columns.items()}
    answer = posted(client, "/age:predict", {"inputs": columns})
    assert answer["outputs"] == predicted(served, "line@1", head).values.tolist()


def test_a_signature_gives_probabilities(served, client, head):
    body = {"signature_name": "predict_proba", "instances": head.to_numpy().tolist()}
    answer = posted(client, "/risk:predict", body)
    assert answer["predictions"] == predicted(served, "logistic@1", head).probabilities.tolist()


def test_a_version_is_asked_by_its_path(served, client, head):
    body = {"instances": head.to_numpy().tolist()}
    answer = posted(client, "/risk/versions/other@1:predict", body)
    assert answer["probabilities"] == predicted(served, "other@1", head).probabilities.tolist()


@pytest.mark.parametrize("listed", [False, True])
def test_examples_are_classified(served, client, head, listed):
    examples = head.to_dict("records")
    if listed:  # a feature may be a list of its values
        examples = [{name: [value] for name, value in row.items()} for row in examples]
    answer = posted(client, "/risk:classify", {"examples": examples})
    model = predicted(served, "logistic@1", head)
    said = [dict(pairs) for pairs in answer["results"]]
    expected = [
        dict(zip(("ill", "well"), row, strict=True)) for row in model.probabilities.tolist()
    ]
    assert said == expected


def test_examples_with_a_common_context_are_regressed(served, client, head):
    head = head.assign(dose=2.5)
    body = {"context": {"dose": 2.5}, "examples": head[["age"]].to_dict("records")}
    answer = posted(client, "/age:regress", body)
    assert answer["results"] == predicted(served, "line@1", head).values.tolist()


def test_models_tell_of_their_versions_and_signatures(client):
    versions = client.get("/risk").json()["model_version_status"]
    assert {one["version"]: one["state"] for one in versions} == {
        "logistic@1": "AVAILABLE",
        "other@1": "AVAILABLE",
    }
    assert all(one["status"] == {"error_code": "OK", "error_message": ""} for one in versions)
    answer = client.get("/risk/metadata").json()
    assert answer["model_spec"]["name"] == "risk"
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert {name: one["dtype"] for name, one in signature["inputs"].items()} == {
        "age": "DT_DOUBLE",
        "dose": "DT_DOUBLE",
    }


def test_a_gzipped_body_is_read(served, client, head):
    body = gzip.compress(json.dumps({"instances": head.to_numpy().tolist()}).encode())
    answer = client.post("/risk:predict", content=body, headers={"content-encoding": "gzip"})
    assert answer.json()["predictions"] == predicted(served, "logistic@1", head).values.tolist()


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/nobody:predict", {"instances": [[63, 2.5]]}, 404, "nobody"),
        ("/risk/versions/9:predict", {"instances": [[63, 2.5]]}, 404, "9"),
        ("/risk:predict", {"instances": [[63]]}, 400, "1 values"),
        ("/risk:predict", {"instances": [[63, 2.5]], "inputs": {"age": [1]}}, 400, "send one"),
        ("/risk:predict", {"inputs": {"age": [63], "dose": []}}, 400, "'dose' has 0 values"),
        ("/age:classify", {"examples": [{"age": 63, "dose": 2}]}, 400, "no probabilities"),
        ("/risk:predict", {"signature_name": "x", "instances": [[63, 2]]}, 400, "signature 'x'"),
    ],
)
def test_errors_are_a_text_under_error(client, path, body, status, said):
    answer = client.post(path, content=json.dumps(body))
    assert answer.status_code == status
    assert said in answer.json()["error"]
