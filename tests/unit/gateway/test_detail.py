"""In every dialect callers learn as much of answers as they may, and no more."""

import asyncio
import json
import math

import numpy as np
import pytest

from serve_app.core.coarsening import Details
from serve_app.core.detail import detail_of
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.rpc import InferenceService
from serve_app.protocols.oip.messages import message
from tests.unit.gateway.harness import ROW
from tests.unit.gateway.test_methods import ASKING, TENSORS, said
from tests.unit.gateway.test_rpc import Aborted, Context

OTHER_DIALECTS = {"seldon": ("/api/v1.0/predictions", {"data": {"ndarray": [[61.0, 2.5]]}})}


def given(client, detail):
    """The client, whose answers are of that detail."""
    client.predictor._detail_of = Details(detail_of(detail)).of
    client.app = build(client.predictor, Settings(10_000, 50, default_endpoint="risk"))
    return client


def numbers(value):
    """Every float anywhere in what JSON holds."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [one for part in value for one in numbers(part)]
    return [value] if isinstance(value, float) else []


@pytest.fixture
def exact(client):
    shares = client.predict("risk", ROW).json()["probabilities"][0]
    assert all(len(str(share)) > 6 for share in shares), "else the tests below show nothing"
    return shares


@pytest.mark.parametrize("dialect", ASKING)
def test_probabilities_are_rounded_in_every_dialect(client, exact, dialect):
    answer = given(client, "rounded(2)").send("POST", **ASKING[dialect]("predict_proba"))
    assert said(dialect, answer) == [round(share, 2) for share in exact]


@pytest.mark.parametrize("dialect", ASKING)
def test_scores_are_rounded_in_every_dialect(client, dialect):
    whole = said(dialect, given(client, "full").send("POST", **ASKING[dialect]("raw_scores")))
    answer = given(client, "rounded(1)").send("POST", **ASKING[dialect]("raw_scores"))
    rounded = said(dialect, answer)
    assert rounded == float(f"{round(whole, 1):.0e}")
    assert rounded != whole


@pytest.mark.parametrize("dialect", ASKING)
def test_the_class_alone_is_left_in_every_dialect(client, exact, dialect):
    one = given(client, "top1")
    likely = max(range(2), key=exact.__getitem__)
    shares = said(dialect, one.send("POST", **ASKING[dialect]("predict_proba")))
    assert shares == [float(place == likely) for place in range(2)]
    refused = one.send("POST", **ASKING[dialect]("raw_scores"))
    assert refused.status_code == 403
    assert "classes alone, and none of the raw scores" in refused.text


@pytest.mark.parametrize("detail", ["rounded(2)", "top1"])
@pytest.mark.parametrize("dialect", OTHER_DIALECTS)
def test_dialects_of_one_form_hold_no_exact_number(client, dialect, detail):
    path, body = OTHER_DIALECTS[dialect]
    exactly = numbers(given(client, "full").send("POST", path, json=body).json())
    assert any(len(str(one)) > 6 for one in exactly)
    answer = given(client, detail).send("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    assert all(len(str(one)) <= 4 for one in numbers(answer.json()))


def test_outputs_that_are_asked_for_together_are_rounded_together(client):
    outputs = [{"name": name} for name in ("raw_scores", "predict", "predict_proba")]
    body = {"inputs": TENSORS, "outputs": outputs}
    answer = given(client, "rounded(2)").send("POST", "/v2/models/risk/infer", json=body)
    found = numbers(answer.json())
    assert found
    assert all(one == float(f"{round(one, 2):.1e}") for one in found)
    assert given(client, "top1").send("POST", "/v2/models/risk/infer", json=body).status_code == 403


def test_reasons_are_rounded_or_refused(client):
    body = {"instances": [ROW]}
    answer = given(client, "rounded(2)").send("POST", "/v1/models/risk:explain", json=body).json()
    (one,) = answer["explanations"]
    parts = [one["base_value"], *one["contributions"].values()]
    assert all(part == float(f"{round(part, 2):.1e}") for part in parts)
    assert one["output"] == pytest.approx(math.fsum(parts))
    refused = given(client, "top1").send("POST", "/v1/models/risk:explain", json=body)
    assert refused.status_code == 403
    assert "classes alone, and not why" in refused.json()["error"]


def asked(fields):
    return f"{{ predict {{ risk(rows: [{{age: 61.0, dose: 2.5}}]) {{ {fields} }} }} }}"


def test_graphql_is_given_no_more(client):
    query = asked("predictions probabilities")
    for detail, most in (("rounded(1)", 3), ("top1", 3)):
        answer = given(client, detail).send("POST", "/graphql", json={"query": query})
        assert "errors" not in answer.json(), answer.text
        found = numbers(answer.json())
        assert len(found) == 2
        assert all(len(str(one)) <= most for one in found)
    scores = {"query": asked("rawScores")}
    answer = given(client, "top1").send("POST", "/graphql", json=scores)
    assert answer.json()["errors"][0]["extensions"]["code"] == "forbidden"


def infer(client, *outputs):
    service = InferenceService(client.predictor, Settings(10_000, 50), ids=lambda: "r-1")
    kind = message("ModelInferRequest")
    request = kind(model_name="risk")
    for name, value in ROW.items():
        tensor = request.inputs.add(name=name, datatype="FP64", shape=[1])
        tensor.contents.fp64_contents.append(value)
    for name in outputs:
        request.outputs.add(name=name)
    return asyncio.run(service._guarded(service._infer)(request, Context()))


def test_grpc_is_given_no_more(client, exact):
    answer = infer(given(client, "rounded(2)"), "predict_proba")
    raw = np.frombuffer(answer.raw_output_contents[0]) if answer.raw_output_contents else (
        answer.outputs[0].contents.fp64_contents
    )  # fmt: skip
    assert list(raw) == [round(share, 2) for share in exact]
    with pytest.raises(Aborted, match="PERMISSION_DENIED"):
        infer(given(client, "top1"), "raw_scores")


def test_records_keep_what_the_model_said(client, exact):
    kept = []

    class Keeps:
        record = staticmethod(kept.append)

    client.predictor._recorders = (Keeps,)
    given(client, "top1").predict("risk", ROW)
    assert kept[0].answer.prediction.probabilities[0].tolist() == pytest.approx(exact)


def test_numbers_of_regressors_keep_their_digits(client):
    exactly = client.predict("age", {"age": 61.23456, "dose": 2.0}).json()["predictions"][0]
    for detail, wanted in (("rounded(3)", 61.2), ("rounded", 61.0), ("top1", 61.0)):
        body = given(client, detail).predict("age", {"age": 61.23456, "dose": 2.0}).json()
        assert json.dumps(body["predictions"]) == json.dumps([wanted])
    assert exactly == pytest.approx(61.23456)
