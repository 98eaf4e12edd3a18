"""The client's retries, deadlines and errors, with a server that a test plays."""

import asyncio
import datetime as dt

import httpx
import numpy as np
import orjson
import pandas as pd
import pytest

from serve_app import errors
from serve_app.client import AsyncClient, Client, Retries, rows

GOOD = {
    "predictions": ["ill"], "probabilities": [[0.25, 0.75]], "classes": ["well", "ill"],
    "variants": ["a@1"], "prediction_id": "p", "request_id": "r", "snapshot": 3,
}  # fmt: skip


class Server:
    """Gives prepared answers in turn, the last one for ever; a clock that sleeping moves."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.slept = []
        self.now = 100.0

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        return httpx.Response(status, json=body, headers=headers)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def client(self, **more):
        return Client(
            "http://server/",
            transport=httpx.MockTransport(self),
            clock=lambda: self.now,
            draw=lambda: 1.0,
            sleep=self.sleep,
            **more,
        )


def good():
    return (200, GOOD, {"x-cache": "miss"})


def busy(**headers):
    return (429, {"error": "busy", "error_code": "overloaded", "waiting": 7}, headers)


def test_an_answer_is_read_and_turned_into_a_frame():
    server = Server(good())
    with server.client(headers={"x-tenant": "t"}) as client:
        answer = client.predict("risk", [{"age": 63}], version="2", parameters={"key": 1})
    (request,) = server.requests
    assert request.url.path == "/v1/models/risk/versions/2:predict"
    assert orjson.loads(request.content) == {"instances": [{"age": 63}], "parameters": {"key": 1}}
    assert request.headers["x-tenant"] == "t"
    assert float(request.headers["x-timeout-s"]) == 10.0
    assert (answer.predictions, answer.variants, answer.cache) == (["ill"], ["a@1"], "miss")
    assert answer.frame().to_dict("records") == [
        {"prediction": "ill", "p(well)": 0.25, "p(ill)": 0.75}
    ]


def test_a_truth_that_json_does_not_have_is_refused_before_it_is_sent():
    server = Server(good())
    with pytest.raises(errors.InvalidInput, match="truth"):
        server.client().feedback("risk", "p-1", truth={1, 2})
    assert server.requests == []


def test_a_method_other_than_the_usual_can_be_asked_for():
    server = Server(good())
    server.client().predict("risk", [[1]], method="raw_scores")
    body = orjson.loads(server.requests[0].content)
    assert body == {"instances": [[1]], "signature_name": "raw_scores"}


def test_feedback_says_which_answer_it_is_about():
    kept = (200, {"outcome": "stored"}, {})
    server = Server(good(), busy(), kept)
    with server.client() as client:
        answer = client.predict("risk", [[1]])
        assert client.feedback("risk", answer, truth=pd.Series(["ill"]), reward=0.5) == "stored"
        assert client.feedback("risk", "p-2", truth=["well"]) == "stored"
    _, first, again, other = server.requests
    assert first.url.path == "/v1/models/risk:feedback"
    assert first.content == again.content
    said = {"prediction_id": answer.prediction_id, "variants": answer.variants}
    assert orjson.loads(first.content) == {**said, "truth": ["ill"], "reward": 0.5}
    said = {"prediction_id": "p-2", "truth": ["well"]}
    assert orjson.loads(other.content) == said


def test_feedback_may_name_a_key_a_row_and_when_it_became_known():
    kept = (200, {"outcome": "amended"}, {})
    server = Server(kept, kept)
    moment = dt.datetime(2026, 11, 26, 13, tzinfo=dt.UTC)
    with server.client() as client:
        said = client.feedback("risk", key=17, truth="ill", label_at_s=moment)
        client.feedback("risk", "p-1", row=2, truth="ill")
    assert said == "amended"
    first, second = (orjson.loads(request.content) for request in server.requests)
    # 2026-11-26T13:00:00Z, as `date -d … +%s` says it.
    assert first == {"key": 17, "truth": "ill", "label_at_s": 1795698000.0}
    assert second == {"prediction_id": "p-1", "row": 2, "truth": "ill"}


def test_feedback_goes_in_lists_and_what_was_refused_is_told_by_its_place():
    refused = [{"index": 1, "error": "too long", "error_code": "too_large"}]
    body = {"outcomes": ["stored", None], "refused": refused}
    server = Server(good(), (200, body, {}))
    with server.client() as client:
        answer = client.predict("risk", [[1]])
        items = [{"prediction": answer, "reward": 1.0}, {"key": "k", "truth": np.array([1])}]
        said = client.feedback_all("risk", items)
    assert (said.outcomes, said.refused, said.kept) == (["stored", None], refused, 1)
    sent = orjson.loads(server.requests[-1].content)
    assert sent == {
        "feedback": [
            {"prediction_id": answer.prediction_id, "variants": answer.variants, "reward": 1.0},
            {"key": "k", "truth": [1]},
        ]
    }


def test_a_list_with_names_that_items_do_not_have_is_refused_before_it_is_sent():
    server = Server(good())
    with pytest.raises(errors.InvalidInput, match="'label'"):
        server.client().feedback_all("risk", [{"key": "k", "label": 1}])
    assert server.requests == []


@pytest.mark.parametrize(
    "failed", [busy(), (503, {}, {}), (502, {}, {}), httpx.ConnectError("refused")]
)
def test_what_may_pass_is_tried_again_after_growing_pauses(failed):
    server = Server(failed, failed, good())
    assert server.client().predict("risk", [[1]]).predictions == ["ill"]
    assert server.slept == [0.05, 0.1]
    left = [float(request.headers["x-timeout-s"]) for request in server.requests]
    assert left == [10.0, 9.95, 9.85]


def test_a_server_that_says_when_is_given_that_time():
    server = Server(busy(**{"retry-after": "2"}), good())
    server.client().predict("risk", [[1]])
    assert server.slept == [2.0]


def test_attempts_end_and_the_last_error_stands():
    server = Server(busy())
    with pytest.raises(errors.Overloaded, match="busy") as refused:
        server.client().predict("risk", [[1]])
    assert len(server.requests) == 4
    assert refused.value.details == {"waiting": 7}


def test_no_attempt_begins_after_the_deadline():
    server = Server(busy(**{"retry-after": "3"}))
    with pytest.raises(errors.Overloaded):
        server.client(timeout_s=5.0).predict("risk", [[1]])
    assert server.slept == [3.0]
    with pytest.raises(errors.Overloaded):
        server.client().predict("risk", [[1]], timeout_s=1.0)
    assert server.slept == [3.0]


def test_repetitions_stay_below_their_share_of_all_requests():
    server = Server(busy())
    client = server.client(retries=Retries(attempts=10, share=0.1, burst=3.0), timeout_s=1e6)
    for _ in range(100):
        with pytest.raises(errors.Overloaded):
            client.predict("risk", [[1]])
    assert 100 + 3 <= len(server.requests) <= 100 + 3 + 10


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "x", "error_code": "invalid_input", "violations": []}, errors.InvalidInput),
        (400, {"error": "x", "error_code": "rows_refused"}, errors.RowsRefused),
        (400, {"error": "x", "error_code": "bad_encoding"}, errors.ClientError),
        (401, {"error": "x", "error_code": "unauthenticated"}, errors.Unauthenticated),
        (403, {"error": "x", "error_code": "forbidden"}, errors.Forbidden),
        (403, {"error": "x", "error_code": "not_permitted"}, errors.NotPermitted),
        (404, {"error": "x"}, errors.NotFound),
        (413, {"error": "x"}, errors.TooLarge),
        (415, {"error": "x"}, errors.UnsupportedMedia),
        (500, {"error": "x", "error_code": "model_failed"}, errors.ModelFailed),
        (500, {"error": "x"}, errors.ServerFault),
        (504, {"error": "x"}, errors.DeadlineExceeded),
        (302, [], errors.ServerFault),
    ],
)
def test_other_errors_are_raised_at_once_as_what_they_are(status, body, kind):
    server = Server((status, body, {}))
    with pytest.raises(kind) as refused:
        server.client().predict("risk", [[1]])
    assert len(server.requests) == 1
    assert type(refused.value) is kind


def test_a_500_of_the_proxy_that_lost_the_server_is_tried_again():
    answers = [
        httpx.Response(500, text="Internal Server Error"),
        httpx.Response(200, json=GOOD),
    ]
    client = Client(
        "http://server", transport=httpx.MockTransport(lambda _: answers.pop(0)),
        sleep=lambda _: None,
    )  # fmt: skip
    assert client.predict("risk", [[1]]).predictions == ["ill"]


def test_attempts_to_connect_where_nobody_listens_do_not_count_for_a_while():
    server = Server(*[httpx.ConnectError("refused")] * 11, good())
    assert server.client().predict("risk", [[1]]).predictions == ["ill"]
    assert sum(server.slept) <= 3.0
    assert max(server.slept) == 0.25
    gone = Server(httpx.ConnectError("refused"))
    with pytest.raises(errors.NotReady):
        gone.client().predict("risk", [[1]])
    assert 2.75 < sum(gone.slept) <= 3.0
    quick = Server(httpx.ConnectError("refused"))
    with pytest.raises(errors.NotReady):
        quick.client(retries=Retries(reconnect_s=0.0)).predict("risk", [[1]])
    assert len(quick.requests) == 4


def test_a_server_that_is_not_there_is_named():
    server = Server(httpx.ConnectError("refused"))
    with pytest.raises(errors.NotReady, match=r"http://server cannot be reached: refused"):
        server.client().predict("risk", [[1]])
    late = Server(httpx.ReadTimeout(""))
    with pytest.raises(errors.DeadlineExceeded):
        late.client(retries=Retries(attempts=1)).predict("risk", [[1]])


def test_what_is_no_json_is_no_traceback():
    def page(request):
        return httpx.Response(200, text="<html>")

    client = Client("http://server", transport=httpx.MockTransport(page))
    with pytest.raises(errors.ServerFault, match="the server answered 200"):
        client.endpoints()


class TestRows:
    def test_frames_are_columns_whose_gaps_are_null(self):
        frame = pd.DataFrame(
            {
                "age": [63, 41],
                "bmi": [22.5, np.nan],
                "sex": pd.Series(["f", None], dtype="str"),
                "smoker": pd.array([True, pd.NA], dtype="boolean"),
            }
        )
        assert rows(frame) == {
            "inputs": {
                "age": [63, 41],
                "bmi": [22.5, None],
                "sex": ["f", None],
                "smoker": [True, None],
            }
        }

    @pytest.mark.parametrize(
        "data",
        [[[1.0, 2.0]], np.array([[1.0, 2.0]]), ([1.0, 2.0],)],
        ids=["list", "matrix", "tuple"],
    )
    def test_matrices_are_rows(self, data):
        assert rows(data) == {"instances": [[1.0, 2.0]]}

    def test_one_row_may_stand_alone(self):
        assert rows({"age": 63}) == {"instances": [{"age": 63}]}

    @pytest.mark.parametrize("data", ["age", 5, None, b"rows"])
    def test_what_is_no_table_is_refused(self, data):
        with pytest.raises(errors.InvalidInput, match="rows must be"):
            rows(data)


async def test_the_asynchronous_client_does_the_same():
    server = Server(busy(), good())
    transport = httpx.MockTransport(server)
    async with AsyncClient("http://server", transport=transport, draw=lambda: 0.0) as client:
        answers = await asyncio.gather(*(client.predict("risk", [[1]]) for _ in range(3)))
    assert [answer.predictions for answer in answers] == [["ill"]] * 3
    assert len(server.requests) == 4


def test_an_explained_answer_is_an_answer_and_its_reasons():
    row = {"base_value": 0.5, "contributions": {"age": 1.0, "dose": -2.0}, "output": -0.5}
    why = {"explanations": [row], "space": "log_odds", "method": "linear", "explained_class": "ill"}
    server = Server(busy(), (200, {**GOOD, **why}, {}))
    with server.client() as client:
        explained = client.explain("risk", [{"age": 63}], version="2", parameters={"key": 1})
    assert [one.url.path for one in server.requests] == ["/v1/models/risk/versions/2:explain"] * 2
    body = orjson.loads(server.requests[0].content)
    assert body == {"instances": [{"age": 63}], "parameters": {"key": 1}}
    assert explained.answer.predictions == ["ill"]
    assert (explained.space, explained.method) == ("log_odds", "linear")
    assert (explained.explained_class, explained.columns_of) == ("ill", None)
    assert explained.frame().to_dict("records") == [
        {"row": 0, "age": 1.0, "dose": -2.0, "base_value": 0.5, "output": -0.5}
    ]


def test_of_several_classes_each_has_a_line_in_the_frame():
    numbers = {"x": 1.0, "y": 2.0}
    row = {"base_value": numbers, "contributions": {"age": numbers}, "output": numbers}
    why = {"explanations": [row, row], "space": "probability", "method": "shap_sampled"}
    server = Server((200, {**GOOD, **why}, {}))
    lines = server.client().explain("risk", [[1], [2]]).frame().to_dict("records")
    assert [(line["row"], line["class"]) for line in lines] == [
        (0, "x"), (0, "y"), (1, "x"), (1, "y"),
    ]  # fmt: skip
    assert lines[1] == {"row": 0, "class": "y", "age": 2.0, "base_value": 2.0, "output": 2.0}


async def test_the_client_for_asyncio_explains_alike():
    why = {"explanations": [], "space": "value", "method": "linear", "columns_of": "prep@1"}
    transport = httpx.MockTransport(Server((200, {**GOOD, **why}, {})))
    async with AsyncClient("http://server", transport=transport) as client:
        explained = await client.explain("risk", [[1]])
    assert (explained.columns_of, explained.frame().empty) == ("prep@1", True)


@pytest.mark.parametrize(
    ("options", "environment", "header"),
    [
        ({"api_key": "sa_mine"}, None, ("x-api-key", "sa_mine")),
        ({"api_key": "sa_mine"}, "sa_other", ("x-api-key", "sa_mine")),
        ({"token": "a.b.c"}, "sa_other", ("authorization", "Bearer a.b.c")),
        ({}, "sa_other\n", ("x-api-key", "sa_other")),
        ({"headers": {"Authorization": "Basic x"}}, "sa_other", ("authorization", "Basic x")),
    ],
)
def test_every_request_proves_who_asks_once(monkeypatch, options, environment, header):
    if environment is not None:
        monkeypatch.setenv("SERVE_APP_API_KEY", environment)
    shown = []

    def answer(request):
        names = ("x-api-key", "authorization", "api-key")
        shown.extend((name, request.headers[name]) for name in names if name in request.headers)
        return httpx.Response(200, json={"endpoints": []})

    with Client("http://h", transport=httpx.MockTransport(answer), **options) as client:
        client.endpoints()
    assert shown == [header]


@pytest.mark.parametrize(
    "options", [{"api_key": "a", "token": "b"}, {"api_key": "a b"}, {"token": "a\r\nx: y"}]
)
def test_what_can_prove_nothing_is_refused_without_repeating_it(options):
    with pytest.raises(errors.InvalidInput) as caught:
        Client("http://h", **options)
    assert "\n" not in caught.value.message
    assert "a b" not in caught.value.message
