"""The messages that Seldon Core's clients send, posted to the paths that they post to."""

import httpx
import numpy as np
import pytest

from serve_app.models.frames import to_columns

GATEWAY = "seldon/some-namespace/risk/api/v1.0/predictions"
PATHS = ["api/v1.0/predictions", GATEWAY]


@pytest.fixture
def client(served):
    with httpx.Client(base_url=f"http://{served.http}/") as made:
        yield made


def message(head, kind, *, names=True):
    """Rows as one kind of a SeldonMessage's data."""
    if kind == "jsonData":
        return {"jsonData": head.to_dict("records")}
    matrix = head.to_numpy()
    data = {
        "ndarray": matrix.tolist(),
        "tensor": {"shape": list(matrix.shape), "values": matrix.reshape(-1).tolist()},
    }[kind]
    return {"data": {**({"names": list(head)} if names else {}), kind: data}}


def values(answer, kind):
    """The predictions in the kind of data that was sent."""
    if kind == "jsonData":
        return answer["jsonData"]
    data = answer["data"]
    if kind == "ndarray":
        return data["ndarray"]
    return np.array(data["tensor"]["values"]).reshape(data["tensor"]["shape"]).tolist()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["ndarray", "tensor", "jsonData"])
def test_rows_of_every_kind_get_the_models_probabilities(client, head, model, kind, path):
    answer = client.post(path, json=message(head, kind)).json()
    assert values(answer, kind) == model.probabilities.tolist()
    if kind != "jsonData":
        assert answer["data"]["names"] == ["ill", "well"]


@pytest.mark.parametrize("kind", ["ndarray", "tensor"])
def test_names_say_the_order_of_the_columns(client, head, model, kind):
    turned = client.post(GATEWAY, json=message(head[["dose", "age"]], kind)).json()
    plain = client.post(GATEWAY, json=message(head, kind, names=False)).json()
    assert values(turned, kind) == values(plain, kind) == model.probabilities.tolist()


@pytest.mark.parametrize(("kind", "shape"), [("ndarray", (20,)), ("tensor", (20, 1))])
def test_numbers_have_a_name_per_column(client, served, head, kind, shape):
    path = GATEWAY.replace("risk", "age")
    answer = client.post(path, json=message(head, kind)).json()
    numbers = served.models["line@1"].predict(to_columns(head)).values
    assert answer["data"]["names"] == ["t:0"]
    assert values(answer, kind) == numbers.reshape(shape).tolist()


def test_the_message_says_who_answered_and_which_request(client, head):
    meta = {"puid": "call-7", "tags": {"patient_id": "p-1"}}
    answer = client.post(GATEWAY, json={"meta": meta, **message(head, "ndarray")}).json()
    assert answer["meta"]["puid"] == "call-7"
    assert answer["meta"]["requestPath"] == {"logistic@1": "risk"}


def test_feedback_leads_back_to_the_prediction_by_the_response_that_it_holds(client, served, head):
    sent = message(head.head(1), "ndarray")
    answered = client.post(GATEWAY, json=sent)
    response = answered.json()
    told = {"request": sent, "response": response, "reward": 0.75, "truth": {"strData": "ill"}}
    path = GATEWAY.replace("predictions", "feedback")
    for outcome in ("stored", "repeated"):
        answer = client.post(path, json=told)
        assert answer.status_code == 200
        assert answer.json()["meta"]["tags"]["feedback"] == outcome
    (kept,) = served.feedback.all()
    assert kept["prediction_id"] == response["meta"]["puid"]
    assert kept["prediction_id"] == answered.headers["x-prediction-id"]
    assert (kept["endpoint"], kept["variants"]) == ("risk", ["logistic@1"])
    assert (kept["reward"], kept["truth"]) == (0.75, "ill")


def test_answers_hold_what_the_clients_message_can_be_made_from(client, head):
    # Its message class takes no text where it has a Value, which meta.tags hold.
    meta = client.post(GATEWAY, json=message(head, "tensor")).json()["meta"]
    assert isinstance(meta["puid"], str)
    assert all(isinstance(value, str) for value in meta["requestPath"].values())
    assert meta.keys() <= {"puid", "requestPath", "routing"}


def test_feedback_about_a_request_with_a_puid_of_its_own_is_kept_under_it(client, served, head):
    sent = {"meta": {"puid": "call-7"}, **message(head.head(1), "ndarray")}
    response = client.post(GATEWAY, json=sent).json()
    path = GATEWAY.replace("predictions", "feedback")
    assert client.post(path, json={"response": response, "reward": 1.0}).status_code == 200
    (kept,) = served.feedback.all()
    assert kept["prediction_id"] == "call-7"


@pytest.mark.parametrize(
    ("path", "body", "code", "said"),
    [
        (GATEWAY, {}, 400, "'data'"),
        (GATEWAY, {"data": {"ndarray": [[63]]}}, 400, "1 values"),
        (GATEWAY, {"data": {"tensor": {"shape": [2, 2], "values": [1]}}}, 400, "'tensor'"),
        (GATEWAY, {"data": {"names": ["age"], "ndarray": [[63]]}}, 400, "'dose'"),
        (GATEWAY.replace("risk", "nobody"), {"data": {"ndarray": [[63, 2]]}}, 404, "nobody"),
    ],
)
def test_errors_stand_under_status(client, path, body, code, said):
    answer = client.post(path, json=body)
    assert answer.status_code == code
    status = answer.json()["status"]
    assert status["status"] == "FAILURE"
    assert status["code"] == code
    assert status["reason"] == "MICROSERVICE_BAD_DATA"
    assert said in status["info"]
