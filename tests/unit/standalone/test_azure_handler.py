"""What a custom handler answers to Azure Functions' host, which the tests play in both forms."""

import json

import httpx
import pytest

from serve_app.standalone.azure_handler import AzureHandler

ROW = {"age": 61.0, "dose": 2.5}
BODY = json.dumps({"instances": [ROW]})
PREDICT = "/v1/models/age:predict"
INVOCATION = "5f3a7d4c-1bd5-4b1e-9f56-0f6d7e2c4a11"


@pytest.fixture
async def host(app):
    """Sends as the host does."""
    transport = httpx.ASGITransport(AzureHandler(app))
    headers = {"x-azure-functions-invocationid": INVOCATION}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:7071", headers=headers
    ) as client:
        yield client


def http_trigger(path, body=BODY, method="POST", **headers):
    """What the host posts for an HTTP trigger whose binding is called `req`."""
    return {
        "Data": {
            "req": {
                "Url": f"https://example.azurewebsites.net{path}",
                "Method": method,
                "Query": "{}",
                "Headers": {"Content-Type": ["application/json"], **headers},
                "Params": {},
                "Identities": [],
                **({} if body is None else {"Body": body}),
            }
        },
        "Metadata": {"sys": {"MethodName": "serve_app", "RandGuid": INVOCATION}},
    }


def prediction(models):
    estimator, _ = models["line"]
    return pytest.approx(float(estimator.intercept_ + estimator.coef_ @ [61.0, 2.5]))


async def test_forwarded_requests_pass_as_they_are(host, models):
    answer = await host.post(PREDICT, json={"instances": [ROW]})
    assert answer.json()["predictions"] == [prediction(models)]


@pytest.mark.parametrize("body", [BODY, json.loads(BODY)], ids=["text", "values"])
async def test_a_wrapped_request_is_answered_in_the_output_of_http(host, models, body):
    answer = await host.post("/serve_app", json=http_trigger(PREDICT, body))
    document = answer.json()
    assert set(document) == {"Outputs", "Logs", "ReturnValue"}
    output = document["Outputs"]["res"]
    assert output["statusCode"] == "200"
    assert output["headers"]["content-type"] == "application/json"
    assert output["headers"]["x-request-id"] == INVOCATION
    assert json.loads(output["body"])["predictions"] == [prediction(models)]


async def test_a_wrapped_get_needs_no_body(host):
    answer = await host.post("/serve_app", json=http_trigger("/v2/models/age?a=b", None, "get"))
    assert json.loads(answer.json()["Outputs"]["res"]["body"])["name"] == "age"


async def test_a_wrapped_refusal_is_the_clients_answer(host):
    answer = await host.post("/serve_app", json=http_trigger("/v1/models/nobody:predict"))
    assert answer.status_code == 200
    output = answer.json()["Outputs"]["res"]
    assert output["statusCode"] == "404"
    assert "nobody" in output["body"]


async def test_bytes_that_are_no_text_are_refused_with_what_to_set(host):
    binary = {"Accept": ["application/vnd.apache.arrow.stream"]}
    answer = await host.post("/serve_app", json=http_trigger(PREDICT, **binary))
    assert answer.status_code == 400
    assert "enableForwardingHttpRequest" in answer.json()["error"]


@pytest.mark.parametrize(
    "message",
    [{"instances": [ROW]}, BODY, json.dumps(BODY)],
    ids=["values", "JSON", "JSON in JSON"],
)
async def test_a_queues_message_is_answered_by_the_return_value(host, models, message):
    wrapped = {"Data": {"item": message}, "Metadata": {"DequeueCount": "1"}}
    answer = await host.post("/serve_app", json=wrapped)
    assert answer.json()["ReturnValue"]["predictions"] == [prediction(models)]


async def test_a_queues_message_that_is_refused_fails_the_function(host):
    wrapped = {"Data": {"item": {"instances": [{"age": 1.0}]}}, "Metadata": {}}
    answer = await host.post("/serve_app", json=wrapped)
    assert answer.status_code == 400
    assert "dose" in answer.json()["error"]


@pytest.mark.parametrize("message", ["hello", {"a": 1}, 7])
async def test_a_message_that_is_no_prediction_is_refused_in_words(host, message):
    answer = await host.post("/serve_app", json={"Data": {"item": message}, "Metadata": {}})
    assert answer.status_code == 400
    assert "are no prediction" in answer.json()["error"]


@pytest.mark.parametrize("content", [b"[1]", b"{}", b'{"Data": {}}', b'{"Data": 1}'])
async def test_a_request_without_a_trigger_is_refused_in_words(host, content):
    answer = await host.post("/serve_app", content=content)
    assert answer.status_code == 400
    assert "no trigger in 'Data'" in answer.json()["error"]


async def test_a_request_that_is_no_json_is_refused(host):
    answer = await host.post("/serve_app", content=b"{")
    assert answer.status_code == 400
    assert "is no JSON" in answer.json()["error"]


@pytest.mark.parametrize(
    ("part", "value"),
    [("Url", "http://[x"), ("Headers", [{"a": 1}]), ("Headers", "a: 1")],
)
async def test_a_trigger_with_a_part_that_is_none_is_refused_with_its_name(host, part, value):
    wrapped = http_trigger(PREDICT)
    wrapped["Data"]["req"][part] = value
    answer = await host.post("/serve_app", json=wrapped)
    assert answer.status_code == 400
    assert f"'{part}'" in answer.json()["error"]


@pytest.mark.parametrize("value", [["€"], [1, 2], None], ids=["euro", "numbers", "nothing"])
async def test_headers_of_any_text_are_no_hindrance(host, value):
    answer = await host.post("/serve_app", json=http_trigger(PREDICT, **{"X-Price": value}))
    assert answer.json()["Outputs"]["res"]["statusCode"] == "200"
