"""boto3's `sagemaker-runtime`, unmodified, with this server as its `endpoint_url`."""

import json

import pytest

from serve_app.models.frames import to_columns
from tests.clients.foreign import Raised

SCRIPT = "boto3_calls.py"


def bodies(head):
    """The same rows in all forms, by content type."""
    rows = head.to_dict("records")
    lists = head.to_numpy().tolist()
    return {
        "text/csv": head.to_csv(index=False, header=False),
        "text/csv; charset=utf-8": head.to_csv(index=False),
        "application/json": json.dumps({"instances": [{"features": row} for row in lists]}),
        "application/jsonlines": "\n".join(json.dumps({"features": row}) for row in lists),
        "application/x-jsonlines": "\n".join(json.dumps(row) for row in rows),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "text/csv",
        "text/csv; charset=utf-8",
        "application/json",
        "application/jsonlines",
        "application/x-jsonlines",
    ],
)
def test_rows_in_every_form_get_the_models_predictions(call, served, head, model, kind):
    answer = call(
        "invoke",
        place=served.http,
        EndpointName="risk",
        ContentType=kind,
        body=bodies(head)[kind],
    )
    assert json.loads(answer["body"]) == {"predictions": model.values.tolist()}
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "logistic@1"


def test_the_form_of_the_answer_is_that_which_is_accepted(call, served, head, model):
    ask = {
        "place": served.http,
        "EndpointName": "risk",
        "ContentType": "text/csv",
        "body": bodies(head)["text/csv"],
    }
    values = model.values.tolist()
    answer = call("invoke", **ask, Accept="text/csv")
    assert answer["body"].splitlines() == values
    assert answer["ContentType"] == "text/csv"
    answer = call("invoke", **ask, Accept="application/jsonlines")
    lines = [json.loads(line) for line in answer["body"].splitlines()]
    assert lines == [{"prediction": value} for value in values]
    assert answer["ContentType"] == "application/jsonlines"


def test_a_variant_is_asked_by_its_name(call, served, head):
    answer = call(
        "invoke",
        place=served.http,
        EndpointName="risk",
        TargetVariant="other@1",
        ContentType="text/csv",
        body=bodies(head)["text/csv"],
    )
    model = served.models["other@1"].predict(to_columns(head))
    assert json.loads(answer["body"]) == {"predictions": model.values.tolist()}
    assert answer["InvokedProductionVariant"] == "other@1"


def test_custom_attributes_are_given_back(call, served, head):
    answer = call(
        "invoke",
        place=served.http,
        EndpointName="risk",
        CustomAttributes="trace=c0ffee",
        ContentType="text/csv",
        body=bodies(head)["text/csv"],
    )
    assert answer["CustomAttributes"] == "trace=c0ffee"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"body": "63,much"}, "'much' is no float64"),
        ({"body": "63"}, "row 0 has 1 cells"),
        ({"EndpointName": "nobody"}, "no endpoint 'nobody'"),
        ({"TargetVariant": "7"}, "no version '7'"),
        ({"ContentType": "image/png"}, "image/png"),
        ({"Accept": "image/png"}, "image/png"),
    ],
)
def test_what_is_wrong_with_a_request_is_a_validation_error(call, served, changed, said):
    ask = {"EndpointName": "risk", "ContentType": "text/csv", "body": "63,2.5", **changed}
    with pytest.raises(Raised, match=said) as refused:
        call("invoke", place=served.http, **ask)
    assert refused.value.kinds[:2] == ["ValidationError", "ClientError"]


def test_a_model_that_fails_is_a_model_error(call, served, failing):
    served.local.replace({"line@1": failing})
    with pytest.raises(Raised, match="the model failed") as refused:
        call("invoke", place=served.http, EndpointName="age", ContentType="text/csv", body="63,2.5")
    assert refused.value.kinds[:2] == ["ModelError", "ClientError"]


def test_a_model_that_is_not_there_yet_is_unavailable(call, served):
    served.local.replace({})
    with pytest.raises(Raised, match="not loaded") as refused:
        call("invoke", place=served.http, EndpointName="age", ContentType="text/csv", body="63,2.5")
    assert refused.value.kinds[:2] == ["ServiceUnavailable", "ClientError"]
