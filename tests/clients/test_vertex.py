"""google-cloud-aiplatform's prediction client over REST, unmodified."""

import httpx
import numpy as np
import pandas as pd
import pytest

from serve_app.models.frames import to_columns
from tests.clients.foreign import Raised

SCRIPT = "vertex_calls.py"


def instances(head, form):
    return {"objects": head.to_dict("records"), "lists": head.to_numpy().tolist()}[form]


@pytest.mark.parametrize("form", ["objects", "lists"])
def test_instances_get_the_models_predictions(call, served, head, model, form):
    answer = call("predict", place=served.http, endpoint="risk", instances=instances(head, form))
    assert answer["predictions"] == model.values.tolist()
    assert answer["deployed_model_id"] == "logistic@1"
    assert answer["model"] == "risk"
    assert answer["metadata"]["probabilities"] == model.probabilities.tolist()
    assert answer["metadata"]["classes"] == ["ill", "well"]


def test_numbers_come_back_as_numbers(call, served, head):
    answer = call("predict", place=served.http, endpoint="age", instances=instances(head, "lists"))
    model = served.models["line@1"].predict(to_columns(head))
    assert answer["predictions"] == model.values.tolist()


def test_whole_numbers_and_parameters_are_taken_as_the_floats_that_they_arrive_as(call, served):
    answer = call(
        "predict",
        place=served.http,
        endpoint="age",
        instances=[{"age": 63, "dose": 2}],
        parameters={"patient_id": 17},
    )
    columns = to_columns(pd.DataFrame({"age": [63.0], "dose": [2.0]}))
    assert answer["predictions"] == served.models["line@1"].predict(columns).values.tolist()


def test_a_raw_body_is_answered_like_any_other(call, served, head, model):
    body = {"instances": instances(head, "objects")}
    answer = call("raw_predict", place=served.http, endpoint="risk", body=body)
    assert answer["content_type"] == "application/json"
    assert answer["body"]["predictions"] == model.values.tolist()


def test_a_raw_body_may_come_as_it_is(served, head, model):
    # As the SDK's Endpoint.raw_predict posts it, with a session that signs in at Google's.
    path = "v1/projects/p/locations/l/endpoints/risk:rawPredict"
    body = {"instances": instances(head, "objects")}
    answer = httpx.post(f"http://{served.http}/{path}", json=body)
    assert answer.json()["predictions"] == model.values.tolist()
    assert answer.headers["x-vertex-ai-deployed-model-id"] == "logistic@1"
    assert np.array_equal(answer.json()["metadata"]["probabilities"], model.probabilities)


@pytest.mark.parametrize(
    ("endpoint", "rows", "kind", "said"),
    [
        ("risk", [{"age": 63}], "BadRequest", "column 'dose'"),
        ("risk", [[63]], "BadRequest", "has 1 values"),
        ("nobody", [[63, 2]], "NotFound", "no endpoint 'nobody'"),
    ],
)
def test_errors_are_googles_and_say_what_is_wrong(call, served, endpoint, rows, kind, said):
    with pytest.raises(Raised, match=said) as refused:
        call("predict", place=served.http, endpoint=endpoint, instances=rows)
    assert kind in refused.value.kinds
    with pytest.raises(Raised, match=said):
        call("raw_predict", place=served.http, endpoint=endpoint, body={"instances": rows})


def test_a_model_that_fails_is_an_internal_error(call, served, failing):
    served.local.replace({"line@1": failing})
    with pytest.raises(Raised, match="the model failed") as refused:
        call("predict", place=served.http, endpoint="age", instances=[[63, 2]])
    assert "InternalServerError" in refused.value.kinds


def test_a_model_that_is_not_there_yet_is_unavailable(call, served):
    served.local.replace({})
    with pytest.raises(Raised, match="not loaded") as refused:
        call("predict", place=served.http, endpoint="age", instances=[[63, 2]])
    assert "ServiceUnavailable" in refused.value.kinds
