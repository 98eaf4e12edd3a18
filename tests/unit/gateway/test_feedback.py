"""Feedback in our own words and in Seldon's: read, handed on, answered."""

import json

import pytest

from serve_app.core.feedback import Feedback
from serve_app.errors import NotReady
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from tests.feedback_keeper import Keeper

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
        assert keeper.kept == [Feedback("risk", "p-1", '["ill"]', 1.0, ("a@1", "b@1"), "r-1")]

    @pytest.mark.parametrize("body", [{"reward": 0}, {"truth": False}, {"truth": {"a": [1]}}])
    def test_a_truth_or_a_reward_will_do(self, client, keeper, body):
        assert client.send("POST", OWN, json=body).status_code == 200
        (told,) = keeper.kept
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
        assert keeper.kept == []

    @pytest.mark.parametrize(
        ("truth", "status"),
        [(b"[" * 300 + b"]" * 300, 400), (b"[" * 1100 + b"]" * 1100, 400), (b"1" * 10_001, 413)],
    )
    def test_what_could_not_be_kept_is_refused(self, client, keeper, truth, status):
        headers = {"content-type": "application/json"}
        content = b'{"reward": 1, "truth": ' + truth + b"}"
        answer = client.send("POST", OWN, content=content, headers=headers)
        assert answer.status_code == status
        assert keeper.kept == []

    def test_a_very_long_truth_is_refused(self, client, keeper):
        client.app = build(client.predictor, Settings(1_000_000, 50), keeper)
        answer = client.send("POST", OWN, json={"truth": ["x" * 300_000]})
        assert answer.status_code == 413
        assert "'truth'" in answer.json()["error"]
        assert keeper.kept == []

    def test_very_long_names_are_refused(self, client, keeper):
        for body in ({"prediction_id": "p" * 201}, {"variants": ["v"] * 101}):
            answer = client.send("POST", OWN, json={"reward": 1, **body})
            assert answer.status_code == 400
        assert keeper.kept == []

    def test_an_endpoint_that_is_not_there_is_said(self, client, keeper):
        answer = client.send("POST", "/v1/models/nobody:feedback", json={"reward": 1})
        assert answer.status_code == 404
        assert answer.json()["error_code"] == "not_found"
        assert keeper.kept == []

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
        assert keeper.kept == [Feedback("risk", "p-1", None, 0.5, ("logistic@1", "other@1"), "r-1")]

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
        (told,) = keeper.kept
        assert (json.loads(told.truth_json), told.reward) == (read, None)

    def test_what_json_has_no_number_for_is_null_in_a_truth(self, client, keeper):
        message = '{"truth": {"data": {"ndarray": [NaN, 1]}}}'
        answer = client.send("POST", SELDON, data={"json": message})
        assert answer.status_code == 200
        assert keeper.kept[0].truth_json == "[null,1]"

    def test_a_reward_of_nothing_may_be_left_out(self, client, keeper):
        assert client.send("POST", SELDON, json={"response": RESPONSE}).status_code == 200
        assert keeper.kept[0].reward == 0.0

    def test_without_a_response_it_is_about_the_default_endpoint(self, client, keeper):
        client.send("POST", "/api/v1.0/feedback", json={"reward": 1})
        assert keeper.kept == [Feedback("age", None, None, 1.0, (), "")]

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
        assert keeper.kept == []


def sent(client, body, content_type="application/json"):
    headers = {"content-type": content_type, **ID}
    return client.send("POST", OWN, content=body, headers=headers)


class TestLists:
    @pytest.mark.parametrize("bare", [False, True])
    def test_a_list_is_handed_on_at_once_and_each_item_has_its_outcome(self, client, keeper, bare):
        items = [
            {"prediction_id": "p-1", "truth": ["ill"], "row": 2},
            {"key": 17, "reward": 0.5, "label_at_s": 12.5},
        ]
        answer = sent(client, json.dumps(items if bare else {"feedback": items}))
        assert answer.status_code == 200
        assert answer.json() == {
            "endpoint": "risk", "kept": 2, "counts": {"stored": 2},
            "outcomes": ["stored", "stored"], "refused": [], "request_id": "r-1",
        }  # fmt: skip
        assert keeper.calls == 1
        assert keeper.kept == [
            Feedback("risk", "p-1", '["ill"]', None, (), "r-1", row=2),
            Feedback("risk", None, None, 0.5, (), "r-1", key="17", label_at_s=12.5),
        ]

    def test_what_is_wrong_is_refused_by_its_place_and_the_rest_is_kept(self, client, keeper):
        body = (
            b'[{"prediction_id": "p-1", "reward": NaN}, {"key": "k", "truth": 1}, 7, [[]],'
            b' {"key": "a\\u0000b", "truth": 1}, {"key": "k", "truth": NaN},'
            b' {"prediction_id": "' + b"x" * 5000 + b'", "truth": 1}, {"key": "k"},'
            b' {"key": 1.5, "truth": 1}, {"key": "k", "truth": 1, "row": 0},'
            b' {"key": "k", "truth": 1, "label_at_s": 1764162000000},'
            b' {"prediction_id": "p", "truth": 1, "row": -1}, {"key": "k", "reward": Infinity}]'
        )
        answer = sent(client, body).json()
        assert answer["kept"] == 1
        assert [place for place, one in enumerate(answer["outcomes"]) if one is not None] == [1]
        refused = {one["index"]: one["error"] for one in answer["refused"]}
        assert sorted(refused) == [0, *range(2, 13)]
        for place, words in (
            (0, "'reward' must be a number"), (2, "an item must be an object"),
            (3, "an item must be an object"), (4, "no control characters"),
            (5, "'truth' must be a value"), (6, "1 to 200 characters"),
            (7, "'truth' or a 'reward'"), (8, "'key' must be a text"),
            (9, "a 'key' names one row by itself"), (10, "not milliseconds"),
            (11, "'row' must be an integer"), (12, "'reward' must be a number"),
        ):  # fmt: skip
            assert words in refused[place]
            assert len(refused[place]) < 300
        assert [one.key for one in keeper.kept] == ["k"]

    def test_a_list_of_which_nothing_can_be_kept_is_a_400_that_says_why(self, client, keeper):
        answer = sent(client, b'{"feedback": [{"key": "k"}, 1]}')
        assert answer.status_code == 400
        document = answer.json()
        assert "none of the 2 items can be kept" in document["error"]
        assert [one["index"] for one in document["refused"]] == [0, 1]
        assert keeper.calls == 0

    @pytest.mark.parametrize(
        ("body", "status", "words"),
        [
            (b"[]", 400, "empty"),
            (b'{"feedback": []}', 400, "empty"),
            (b'{"feedback": {}}', 400, "'feedback' must be a list"),
            (b"[" + b",".join([b'{"reward": 1}'] * 51) + b"]", 413, "51 rows"),
            (b"[" * 5_000 + b"]" * 5_000, 400, "nested too deeply"),
            (b'"text"', 400, "object"),
            (b"[1", 400, "JSON"),
        ],
    )
    def test_what_is_no_list_that_is_taken_is_refused(self, client, keeper, body, status, words):
        answer = sent(client, body)
        assert answer.status_code == status
        assert words in answer.json()["error"]
        assert keeper.calls == 0

    def test_one_long_truth_takes_none_of_the_others_away(self, client, keeper):
        client.app = build(client.predictor, Settings(20_000_000, 50), keeper)
        items = [{"key": "k-1", "truth": "x" * 10_000_000}, {"key": "k-2", "truth": 1}]
        answer = sent(client, json.dumps(items)).json()
        assert answer["outcomes"] == [None, "stored"]
        assert answer["refused"][0]["error_code"] == "too_large"

    def test_an_answer_to_one_item_names_its_key(self, client):
        answer = sent(client, b'{"key": "k-1", "truth": 1}').json()
        assert answer["key"] == "k-1"
        assert answer["outcome"] == "stored"

    def test_nothing_is_kept_in_parts_where_the_store_is_away(self, client, keeper):
        keeper.error = NotReady("the monitor does not answer")
        assert sent(client, b'[{"key": "k", "truth": 1}]').status_code == 503


class TestCsv:
    def test_lines_are_items_and_words_are_told_apart_by_the_classes(self, client, keeper):
        body = 'key,truth,reward,label_at_s\r\n007,ill,,\r\n"a,b",well,0.5,12.5\r\n\r\nc,3,,\r\n'
        answer = sent(client, body, "text/csv; charset=utf-8")
        assert answer.json()["outcomes"] == ["stored"] * 3
        assert [(one.key, one.truth_json, one.reward, one.label_at_s) for one in keeper.kept] == [
            ("007", '"ill"', None, None), ("a,b", '"well"', 0.5, 12.5), ("c", '"3"', None, None)
        ]  # fmt: skip

    def test_where_answers_are_numbers_truths_are_too(self, client, keeper):
        lines = "prediction_id,row,truth\np-1,0,41.5\np-2,,true\np-3,,word\n"
        client.send(
            "POST", "/v1/models/age:feedback", content=lines, headers={"content-type": "text/csv"}
        )
        assert [(one.prediction_id, one.row, one.truth_json) for one in keeper.kept] == [
            ("p-1", 0, "41.5"), ("p-2", None, "true"), ("p-3", None, '"word"')
        ]  # fmt: skip

    def test_lines_that_are_wrong_are_refused_by_their_place(self, client, keeper):
        answer = sent(
            client, "key,truth,reward\nk-1,ill\n,ill,\nk-3,,\nk-4,,high\nk-5,ill,nan\nk-6,ill,1\n",
            "text/csv",
        ).json()  # fmt: skip
        assert answer["outcomes"] == [None] * 5 + ["stored"]
        words = [one["error"] for one in answer["refused"]]
        for text, part in zip(
            words, ("2 cells", "names no prediction", "'truth' or a 'reward'", "'reward' must be",
                    "'reward' must be"), strict=True,
        ):  # fmt: skip
            assert part in text
        assert [one.key for one in keeper.kept] == ["k-6"]

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"", "first line must name the columns"),
            (b"key,truth\n", "empty"),
            (b"order,truth\n1,2\n", "first line must name the columns"),
            (b"key,key,truth\n1,1,2\n", "twice"),
            (b"key\n1\n", "first line must name the columns"),
            (b"key,truth\n\xff,1\n", "UTF-8"),
            (b"key,truth\n1," + b"x" * 200_000 + b"\n", "CSV"),
        ],
    )
    def test_a_body_that_is_no_such_csv_is_refused(self, client, keeper, body, words):
        client.app = build(client.predictor, Settings(1_000_000, 50), keeper)
        answer = sent(client, body, "text/csv")
        assert answer.status_code == 400
        assert words in answer.json()["error"]
        assert keeper.calls == 0
