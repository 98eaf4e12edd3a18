"""Feedback in our own words and in Seldon's: read, handed on, answered."""

import json

import pytest

from serve_app.core.feedback import Feedback
from serve_app.errors import NotReady
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings

OWN = "/v1/models/risk:feedback"
SELDON = "/seldon/some-namespace/risk/api/v1.0/feedback"
ID = {"x-request-id": "r-1"}
RESPONSE = {
    "meta": {
        "puid": "call-7",
        "tags": {"prediction_id": "p-1"},
        "requestPath": {"other@1": "risk", "logistic@1": "risk"},
    },
    "data": {"ndarray": [[0.25, 0.75]]},
}


class Keeper:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []
        self.error = None

    async def __call__(self, feedback):
        if self.error is not None:
            raise self.error
        self.told.append(feedback)
        return "stored"


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def client(client, keeper):
    client.app = build(client.predictor, Settings(10_000, 50, default_endpoint="age"), keeper)
    return client


class TestOwn:
    def test_what_is_said_is_handed_on(self, client, keeper):
        body = {
            "prediction_id": "p-1", "truth": ["ill"], "reward": 1, "variants": ["b@1", "a@1", "a@1"]
        }  # fmt: skip
        answer = client.send("POST", OWN, json=body, headers=ID)
        assert answer.json() == {
            "endpoint": "risk", "prediction_id": "p-1", "outcome": "stored", "request_id": "r-1"
        }  # fmt: skip
        assert keeper.told == [Feedback("risk", "p-1", '["ill"]', 1.0, ("a@1", "b@1"), "r-1")]

    @pytest.mark.parametrize("body", [{"reward": 0}, {"truth": False}, {"truth": {"a": [1]}}])
    def test_a_truth_or_a_reward_will_do(self, client, keeper, body):
        assert client.send("POST", OWN, json=body).status_code == 200
        (told,) = keeper.told
        assert told.reward == body.get("reward")
        assert json.loads(told.truth_json or "null") == body.get("truth")

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "empty"),
            (b"[1]", "object"),
            (b"{}", "'truth' or a 'reward'"),
            (b'{"prediction_id": "p-1", "truth": null}', "'truth' or a 'reward'"),
            (b'{"reward": "1"}', "'reward' must be a number"),
            (b'{"reward": true}', "'reward' must be a number"),
            (b'{"reward": 1e999}', "JSON"),
            (b'{"reward": -1000000000001}', "-1e+12 to 1e+12"),
            (b'{"reward": 1, "prediction_id": 7}', "'prediction_id' must be a text"),
            (b'{"reward": 1, "prediction_id": ""}', "'prediction_id' must be a text"),
            (b'{"reward": 1, "variants": "a@1"}', "'variants' must be a list"),
            (b'{"reward": 1, "variants": [1]}', "'variants' must be a list"),
            (b'{"reward": 1, "variants": {}}', "'variants' must be a list"),
        ],
    )
    def test_what_is_none_is_refused_and_handed_on_to_nobody(self, client, keeper, body, said):
        headers = {"content-type": "application/json"}
        answer = client.send("POST", OWN, content=body, headers=headers)
        assert answer.status_code == 400
        assert said in answer.json()["error"]
        assert keeper.told == []

    @pytest.mark.parametrize(
        ("truth", "status"),
        [(b"[" * 300 + b"]" * 300, 400), (b"[" * 1100 + b"]" * 1100, 400), (b"1" * 10_001, 413)],
    )
    def test_what_could_not_be_kept_is_refused(self, client, keeper, truth, status):
        headers = {"content-type": "application/json"}
        content = b'{"reward": 1, "truth": ' + truth + b"}"
        answer = client.send("POST", OWN, content=content, headers=headers)
        assert answer.status_code == status
        assert keeper.told == []

    def test_a_very_long_truth_is_refused(self, client, keeper):
        client.app = build(client.predictor, Settings(1_000_000, 50), keeper)
        answer = client.send("POST", OWN, json={"truth": ["x" * 300_000]})
        assert answer.status_code == 413
        assert "'truth'" in answer.json()["error"]
        assert keeper.told == []

    def test_very_long_names_are_refused(self, client, keeper):
        for body in ({"prediction_id": "p" * 201}, {"variants": ["v"] * 101}):
            answer = client.send("POST", OWN, json={"reward": 1, **body})
            assert answer.status_code == 400
        assert keeper.told == []

    def test_an_endpoint_that_is_not_there_is_said(self, client, keeper):
        answer = client.send("POST", "/v1/models/nobody:feedback", json={"reward": 1})
        assert answer.status_code == 404
        assert answer.json()["error_code"] == "not_found"
        assert keeper.told == []

    def test_it_is_said_when_nobody_keeps_it(self, client, keeper):
        keeper.error = NotReady("control has no replica that could answer")
        answer = client.send("POST", OWN, json={"reward": 1})
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        client.app = build(client.predictor, Settings(10_000, 50))
        assert client.send("POST", OWN, json={"reward": 1}).status_code == 503

    def test_other_methods_are_not_taken(self, client):
        assert client.get(OWN).status_code == 405


class TestSeldon:
    @pytest.mark.parametrize(
        "path",
        [SELDON, SELDON.replace("v1.0", "v0.1"), SELDON.removeprefix("/seldon"),
         "/api/v1.0/feedback", "/seldon/send-feedback"],
    )  # fmt: skip
    @pytest.mark.parametrize("way", ["json", "form", "query"])
    def test_the_response_says_which_prediction_is_meant(self, client, keeper, path, way):
        message = {"request": {}, "response": RESPONSE, "reward": 0.5}
        sent = {
            "json": {"json": message},
            "form": {"data": {"json": json.dumps(message)}},
            "query": {"params": {"json": json.dumps(message)}},
        }[way]
        answer = client.send("GET" if way == "query" else "POST", path, headers=ID, **sent)
        assert answer.json() == {
            "meta": {"puid": "r-1", "tags": {"prediction_id": "p-1", "feedback": "stored"}}
        }
        assert keeper.told == [Feedback("risk", "p-1", None, 0.5, ("logistic@1", "other@1"), "r-1")]

    @pytest.mark.parametrize(
        ("truth", "read"),
        [
            ({"data": {"names": ["t:0"], "ndarray": [["ill"]]}}, [["ill"]]),
            ({"data": {"tensor": {"shape": [2, 1], "values": [1.0, 0.0]}}}, [[1.0], [0.0]]),
            ({"jsonData": {"class": "ill"}}, {"class": "ill"}),
            ({"strData": "ill"}, "ill"),
        ],
    )
    def test_a_truth_is_a_message_of_any_kind(self, client, keeper, truth, read):
        client.send("POST", SELDON, json={"response": RESPONSE, "truth": truth})
        (told,) = keeper.told
        assert (json.loads(told.truth_json), told.reward) == (read, None)

    def test_what_json_has_no_number_for_is_null_in_a_truth(self, client, keeper):
        message = '{"truth": {"data": {"ndarray": [NaN, 1]}}}'
        answer = client.send("POST", SELDON, data={"json": message})
        assert answer.status_code == 200
        assert keeper.told[0].truth_json == "[null,1]"

    def test_a_reward_of_nothing_may_be_left_out(self, client, keeper):
        assert client.send("POST", SELDON, json={"response": RESPONSE}).status_code == 200
        assert keeper.told[0].reward == 0.0

    def test_without_a_response_it_is_about_the_default_endpoint(self, client, keeper):
        client.send("POST", "/api/v1.0/feedback", json={"reward": 1})
        assert keeper.told == [Feedback("age", None, None, 1.0, (), "")]

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"{", "JSON"),
            (b'{"response": 1}', "'response'"),
            (b'{"reward": "high"}', "'reward'"),
            (b'{"response": {"meta": {"tags": {"prediction_id": 1}}}}', "'prediction_id'"),
            (b'{"truth": {"data": {"tensor": {"shape": [2], "values": []}}}}', "'tensor'"),
            (b'{"response": {"meta": {}}, "truth": {"data": {"tftensor": {}}}}', "'truth'"),
            (b'{"response": {"meta": {}}, "truth": {"data": {"ndarray": null}}}', "'truth'"),
            (b"{}", "must have a 'reward', a 'truth', or the 'response'"),
        ],
    )
    def test_errors_stand_under_status(self, client, keeper, body, said):
        headers = {"content-type": "application/json"}
        answer = client.send("POST", SELDON, content=body, headers=headers)
        assert answer.status_code == 400
        status = answer.json()["status"]
        assert (status["status"], status["code"]) == ("FAILURE", 400)
        assert said in status["info"]
        assert keeper.told == []
