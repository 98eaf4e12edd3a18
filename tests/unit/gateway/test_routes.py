"""How paths find who answers them."""

import pytest

from tests.unit.gateway.harness import ROW


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/docs",
        "/v2/health/ready",
        "/v2/models/risk",
        "/v1/models",
        "/v2/",
        "/mlflow/ping",
        "/sagemaker/ping",
        "/kserve/v2/health/live",
        "/kserve/",
    ],
)
def test_a_slash_at_the_end_more_or_less_makes_no_difference(client, path):
    other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    expected, answer = client.get(path), client.get(other)
    assert (answer.status_code, answer.content) == (200, expected.content)


@pytest.mark.parametrize("prefix", ["", "/kserve"])
def test_predictions_are_answered_with_a_slash_at_the_end(client, prefix):
    path = f"{prefix}/v1/models/age:predict"
    body = {"instances": [ROW]}
    answers = [client.send("POST", each, json=body) for each in (path, f"{path}/")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["predictions"] == answers[1].json()["predictions"]


def test_a_method_that_a_path_lacks_is_refused_with_a_slash_too(client):
    answer = client.send("DELETE", "/health/")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/mlflowx", "/mlflowx/", "/health//", "/tf"])
def test_what_is_nearly_a_known_path_is_not_found_in_the_common_words(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "no_such_path")


def test_the_prefix_of_a_profile_alone_answers_in_its_words(client):
    answer = client.get("/mlflow")
    assert answer.status_code == 404
    assert list(answer.json()) == list(client.get("/mlflow/nothing").json())
