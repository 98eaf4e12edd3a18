"""What a Lambda function answers to events of every form."""

import asyncio
import io
import json
import logging
import sys

import numpy as np
import pyarrow as pa
import pytest

from serve_app.errors import ConfigError, InvalidInput, NotFound, ServeError, TooLarge
from serve_app.standalone import aws_lambda
from serve_app.standalone.aws_events import BALANCER_BYTES, LAMBDA_BYTES
from serve_app.standalone.aws_lambda import LambdaHandler
from tests.unit.standalone.aws_house import Context, bytes_of, of_api, of_balancer, of_url

ROW = {"age": 61.0, "dose": 2.5}
BODY = json.dumps({"instances": [ROW]})
PREDICT = "/v1/models/age:predict"
FORMS = {
    "url": of_url,
    "api": of_api,
    "balancer": of_balancer,
    "balancer with several values": lambda *args, **more: of_balancer(*args, several=True, **more),
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


@pytest.fixture
def handler(app, loop):
    return LambdaHandler(app, loop=loop, clock=iter(range(1000)).__next__)


def expected(models, name, *rows):
    estimator, _ = models[name]
    import pandas as pd

    return estimator.predict(pd.DataFrame(rows)).tolist()


@forms
def test_every_form_of_event_is_answered_as_the_model_answers(handler, models, form):
    answer = handler(form(PREDICT, BODY), Context())
    assert answer["statusCode"] == 200
    predictions = json.loads(bytes_of(answer))["predictions"]
    assert predictions == pytest.approx(expected(models, "line", ROW))


@forms
def test_json_comes_back_as_text(handler, form):
    answer = handler(form(PREDICT, BODY), Context())
    assert answer["isBase64Encoded"] is False


@forms
def test_the_invocation_gives_its_id_where_the_client_gives_none(handler, form):
    answer = handler(form(PREDICT, BODY), Context("of-lambda"))
    headers = answer.get("multiValueHeaders") or answer["headers"]
    given = answer.get("headers", {}).get("x-request-id") or headers["x-request-id"][0]
    assert given == "of-lambda"


@forms
def test_a_clients_own_id_is_kept(handler, form):
    answer = handler(form(PREDICT, BODY, headers={"x-request-id": "mine"}), Context())
    assert "mine" in json.dumps(answer)


@forms
def test_arrow_goes_in_and_out_as_base64(handler, models, form):
    table = pa.table({"age": [61.0, 30.0], "dose": [2.5, 1.0]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream = "application/vnd.apache.arrow.stream"
    event = form(
        PREDICT, sink.getvalue().to_pybytes(), headers={"content-type": stream, "accept": stream}
    )
    # A REST API gives names of headers as the client wrote them.
    event.get("headers", {}).pop("Content-Type", None)
    event.get("multiValueHeaders", {}).pop("Content-Type", None)
    answer = handler(event, Context())
    assert answer["statusCode"] == 200, answer
    assert answer["isBase64Encoded"] is True
    with pa.ipc.open_stream(io.BytesIO(bytes_of(answer))) as reader:
        answered = reader.read_all()
    rows = table.to_pylist()
    assert answered.column(0).to_pylist() == pytest.approx(expected(models, "line", *rows))


def test_v2_tensors_in_binary_are_answered(handler, models):
    values = {"age": np.array([61.0, 30.0]), "dose": np.array([2.5, 1.0])}
    inputs = [
        {
            "name": name,
            "shape": [2],
            "datatype": "FP64",
            "parameters": {"binary_data_size": one.nbytes},
        }
        for name, one in values.items()
    ]
    head = json.dumps({"inputs": inputs}).encode()
    event = of_url(
        "/v2/models/age/infer",
        head + b"".join(one.tobytes() for one in values.values()),
        headers={
            "content-type": "application/octet-stream",
            "inference-header-content-length": str(len(head)),
        },
    )
    answer = handler(event, Context())
    assert answer["statusCode"] == 200, answer
    rows = [{"age": 61.0, "dose": 2.5}, {"age": 30.0, "dose": 1.0}]
    data = json.loads(bytes_of(answer))["outputs"][0]["data"]
    assert data == pytest.approx(expected(models, "line", *rows))


def test_get_works_with_a_query(handler):
    answer = handler(of_url("/v2/models/age", method="GET", query="a=b"), Context())
    assert answer["statusCode"] == 200
    assert json.loads(bytes_of(answer))["name"] == "age"


@forms
def test_a_refusal_has_the_gateways_status_and_words(handler, form):
    answer = handler(form("/v1/models/nobody:predict", BODY), Context())
    assert answer["statusCode"] == 404
    assert "nobody" in json.loads(bytes_of(answer))["error"]


@forms
def test_a_body_that_is_no_base64_is_a_400(handler, form):
    event = {**form(PREDICT), "body": "abc", "isBase64Encoded": True}
    answer = handler(event, Context())
    assert answer["statusCode"] == 400
    assert "base64" in json.loads(answer["body"])["error"]


@pytest.mark.parametrize(
    "value",
    [
        {"instances": [ROW]},
        {"inputs": [ROW]},
        {"dataframe_records": [ROW]},
        {"dataframe_split": {"columns": ["age", "dose"], "data": [[61.0, 2.5]]}},
        {"instances": [ROW], "endpoint": "age"},
    ],
)
def test_a_bare_value_is_answered_with_a_value(handler, models, value):
    answer = handler(value, Context())
    assert answer["predictions"] == pytest.approx(expected(models, "line", ROW))


def test_a_bare_value_of_tensors_is_answered_with_tensors(handler, models):
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in ROW.items()
    ]
    answer = handler({"inputs": tensors}, Context())
    assert answer["outputs"][0]["data"] == pytest.approx(expected(models, "line", ROW))


def test_a_bare_value_that_is_refused_fails_the_invocation_in_words(handler):
    with pytest.raises(InvalidInput, match="dose"):
        handler({"instances": [{"age": 61.0}]}, Context())
    with pytest.raises(NotFound, match="nobody"):
        handler({"instances": [ROW], "endpoint": "nobody"}, Context())
    with pytest.raises(InvalidInput, match="'endpoint' must be the name"):
        handler({"instances": [ROW], "endpoint": 3}, Context())


@pytest.mark.parametrize("event", [{"Records": []}, {}, [1], None, "text", {"requestContext": {}}])
def test_an_event_of_no_known_kind_is_refused_with_those_that_are(handler, event):
    with pytest.raises(InvalidInput, match="A function URL, an HTTP API"):
        handler(event, Context())


def test_an_event_that_lacks_a_part_is_refused_with_its_name(handler):
    event = of_url(PREDICT, BODY)
    del event["requestContext"]["http"]["sourceIp"]
    with pytest.raises(InvalidInput, match="no 'sourceIp'"):
        handler(event, Context())


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ({"Records": [], "a": 1}, "with 'Records', 'a'"),
        (dict.fromkeys("abcdefg", 1), "'e', …"),
    ],
    ids=["few", "many"],
)
def test_an_event_of_no_known_kind_is_shown_by_the_names_of_its_parts(handler, event, names):
    with pytest.raises(InvalidInput, match=names):
        handler(event, Context())


@pytest.mark.parametrize(
    ("part", "value"), [("headers", None), ("headers", []), ("body", {"a": 1}), ("body", 3)]
)
def test_an_event_with_a_part_of_another_kind_is_refused_in_words(handler, part, value):
    with pytest.raises(InvalidInput, match="a part of the event"):
        handler({**of_url(PREDICT, BODY), part: value}, Context())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"body": "\ud800"}, "no Unicode"),
        ({"body": "äöü", "isBase64Encoded": True}, "base64, and it is not"),
    ],
    ids=["half a character", "no base64"],
)
def test_text_that_is_none_is_a_400(handler, changes, words):
    answer = handler({**of_url(PREDICT, BODY), **changes}, Context())
    assert answer["statusCode"] == 400
    assert words in answer["body"]


@pytest.mark.parametrize("age", [10**400, "\ud800"], ids=["a huge number", "half a character"])
def test_a_bare_value_that_json_hardly_holds_is_refused_in_words(handler, age):
    with pytest.raises(ServeError):
        handler({"instances": [{"age": age, "dose": 2.5}]}, Context())


def of_stage(form, stage, domain, path):
    """An HTTP API's event of a stage, whose paths begin as the API's address does."""
    event = of_url(path, BODY) if form == "2.0" else {**of_api(path, BODY), "version": "1.0"}
    event["requestContext"] |= {"stage": stage, "domainName": domain}
    return event


@pytest.mark.parametrize("form", ["2.0", "1.0"])
@pytest.mark.parametrize(
    ("stage", "domain", "prefix"),
    [
        ("prod", "abc.execute-api.eu-central-1.amazonaws.com", "/prod"),
        ("v1", "abc.execute-api.eu-central-1.amazonaws.com", "/v1"),
        ("v1", "models.example.com", ""),
        ("$default", "abc.execute-api.eu-central-1.amazonaws.com", ""),
    ],
)
def test_a_stage_of_an_http_api_is_no_part_of_the_path(handler, form, stage, domain, prefix):
    answer = handler(of_stage(form, stage, domain, f"{prefix}{PREDICT}"), Context())
    assert answer["statusCode"] == 200


class Long:
    """An application whose answers are as long as a test says."""

    def __init__(self, length):
        self.length = length

    async def __call__(self, scope, receive, send):
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        body = b'"' + b"x" * (self.length - 2) + b'"'
        await send({"type": "http.response.body", "body": body})


def limited(loop, length):
    return LambdaHandler(Long(length), loop=loop, clock=lambda: 0.0)


def test_an_answer_that_lambda_would_not_take_is_refused_with_the_limit(loop):
    answer = limited(loop, LAMBDA_BYTES)(of_url(PREDICT, BODY), Context("here"))
    assert answer["statusCode"] == 413
    told = json.loads(answer["body"])
    assert told["request_id"] == "here"
    assert "6,291,456 fit; ask for fewer rows" in told["error"]


def test_an_answer_that_just_fits_is_given(loop):
    answer = limited(loop, LAMBDA_BYTES - 500)(of_url(PREDICT, BODY), Context())
    assert answer["statusCode"] == 200
    assert len(json.dumps(answer)) <= LAMBDA_BYTES


def test_a_load_balancer_takes_less(loop):
    handler = limited(loop, BALANCER_BYTES)
    assert handler(of_url(PREDICT, BODY), Context())["statusCode"] == 200
    refused = handler(of_balancer(PREDICT, BODY, several=True), Context())
    assert refused["statusCode"] == 413
    assert refused["multiValueHeaders"]["content-type"] == ["application/json"]


def test_a_bare_values_answer_has_the_same_limit(loop):
    with pytest.raises(TooLarge, match="fewer rows"):
        limited(loop, LAMBDA_BYTES + 1)({"instances": []}, Context())


class Slow:
    """An application that waits for ever."""

    def __init__(self):
        self.time_s = []

    async def __call__(self, scope, receive, send):
        self.time_s += [float(v) for name, v in scope["headers"] if name == b"x-timeout-s"]
        await asyncio.Event().wait()


@forms
def test_a_504_comes_before_lambda_ends_the_call(loop, form):
    slow = Slow()
    handler = LambdaHandler(slow, loop=loop, clock=lambda: 0.0)
    started = loop.time()
    answer = handler(form(PREDICT, BODY), Context("late", left_s=0.5))
    assert loop.time() - started < 0.5
    assert answer["statusCode"] == 504
    assert json.loads(answer["body"])["request_id"] == "late"
    assert slow.time_s == [pytest.approx(0.27)]


def test_a_call_writes_one_line_with_its_id(handler, caplog):
    with caplog.at_level(logging.INFO, "serve_app"):
        handler(of_url(PREDICT, BODY), Context("first"))
        handler({"instances": [ROW]}, Context("second"))
        with pytest.raises(InvalidInput):
            handler({}, Context("third"))
    lines = [one for one in caplog.records if one.name.endswith("aws_lambda")]
    assert [one.request_id for one in lines] == ["first", "second", "third"]
    assert [one.outcome for one in lines] == [200, "answered", "invalid_input"]
    assert [one.is_first for one in lines] == [True, False, False]
    assert lines[0].duration_ms == 1000


def test_other_names_of_the_module_are_missing_as_usual():
    with pytest.raises(AttributeError, match="no attribute 'handle'"):
        aws_lambda.handle  # noqa: B018


def test_without_mangum_it_says_what_to_install(app, loop, monkeypatch):
    monkeypatch.setitem(sys.modules, "mangum", None)
    with pytest.raises(ConfigError, match=r"pip install 'serve-app\[lambda\]'"):
        LambdaHandler(app, loop=loop, clock=lambda: 0.0)
