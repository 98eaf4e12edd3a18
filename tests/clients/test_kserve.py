"""KServe's Python client, unmodified, over both of its protocols and over gRPC."""

import math

import pytest

from serve_app.models.frames import to_columns
from tests.clients.foreign import Raised

SCRIPT = "kserve_calls.py"


def expected(served, version, frame):
    return served.models[version].predict(to_columns(frame))


@pytest.fixture(params=["v2", "grpc"])
def transport(request):
    return request.param


@pytest.fixture
def place(served, transport):
    return served.grpc if transport == "grpc" else served.http


@pytest.mark.parametrize("form", ["records", "split", "frames"])
def test_protocol_v1_takes_rows_in_each_of_kserves_forms(call, served, head, form):
    instances = {
        "records": head.to_dict("records"),
        "split": head.to_numpy().tolist(),
        # KServe makes a DataFrame of each instance.
        "frames": [half.to_dict("list") for half in (head.head(5), head.iloc[5:])],
    }[form]
    answer = call("predict", place=served.http, model="risk", body={"instances": instances})
    model = expected(served, "logistic@1", head)
    assert answer["predictions"] == model.values.tolist()
    assert answer["probabilities"] == model.probabilities.tolist()


def test_protocol_v1_tells_of_the_server_and_its_models(call, served):
    ask = {"place": served.http, "transport": "v1"}
    assert call("call", **ask, method="is_server_live") is True
    assert call("call", **ask, method="is_model_ready", model_name="risk") is True
    with pytest.raises(Raised, match="no endpoint 'nobody'") as refused:
        call("call", **ask, method="is_model_ready", model_name="nobody")
    assert "HTTPStatusError" in refused.value.kinds


def test_protocol_v1_says_what_is_wrong(call, served, head):
    with pytest.raises(Raised, match=r"'dose'.*400 Bad Request") as refused:
        call(
            "predict",
            place=served.http,
            model="risk",
            body={"instances": head[["age"]].to_dict("records")},
        )
    assert "HTTPStatusError" in refused.value.kinds


def test_an_answer_is_explained(call, served, head):
    ask = {"place": served.http, "transport": "v1", "model_name": "risk"}
    answer = call("call", **ask, method="explain", data={"instances": head.to_dict("records")})
    assert len(answer["explanations"]) == len(head)
    for explained in answer["explanations"]:
        total = explained["base_value"] + sum(explained["contributions"].values())
        assert explained["output"] == pytest.approx(total)


def test_the_server_and_its_models_are_ready(call, place, transport):
    ask = {"place": place, "transport": transport}
    assert call("call", **ask, method="is_server_live") is True
    assert call("call", **ask, method="is_server_ready") is True
    assert call("call", **ask, method="is_model_ready", model_name="risk") is True
    assert call("call", **ask, method="is_model_ready", model_name="nobody") is False


@pytest.mark.parametrize("form", ["binary", "json", "frame", "matrix"])
def test_tensors_get_what_the_model_gives(call, served, place, transport, head, form):
    answer = call(
        "infer",
        place=place,
        transport=transport,
        model="risk",
        columns=head.to_dict("list"),
        form=form,
    )
    model = expected(served, "logistic@1", head)
    assert answer == {
        "model": "risk",
        "id": "call-1",
        "outputs": {
            "predict": model.values.tolist(),
            "predict_proba": model.probabilities.tolist(),
        },
    }


def test_the_outputs_are_those_that_are_asked_for(call, served, place, transport, head):
    answer = call(
        "infer",
        place=place,
        transport=transport,
        model="risk",
        columns=head.to_dict("list"),
        outputs=["predict_proba"],
    )
    model = expected(served, "logistic@1", head)
    assert answer["outputs"] == {"predict_proba": model.probabilities.tolist()}


@pytest.mark.parametrize("form", ["binary", "json", "frame"])
def test_nan_is_told_apart_from_numbers(call, place, transport, head, form):
    head = head.assign(dose=[math.nan, *head["dose"].iloc[1:]])
    with pytest.raises(Raised, match="row 0, column 'dose'"):
        call(
            "infer",
            place=place,
            transport=transport,
            model="risk",
            columns=head.to_dict("list"),
            form=form,
        )


def test_what_is_not_there_is_said(call, place, transport, head):
    with pytest.raises(Raised, match="no endpoint 'nobody'") as refused:
        call(
            "infer",
            place=place,
            transport=transport,
            model="nobody",
            columns=head.to_dict("list"),
        )
    assert {"v2": "HTTPStatusError", "grpc": "AioRpcError"}[transport] in refused.value.kinds
