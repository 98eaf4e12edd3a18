"""What browsers send for pages of other origins changes nothing; programs are not looked at."""

import pytest

from serve_app.errors import NotPermitted
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.foreign_pages import refuse_foreign
from tests.feedback_keeper import Keeper

HERE = {"host": "127.0.0.1:8000"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        HERE,
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin"},
        {"host": "models.example", "origin": "https://models.example"},
        {"host": "models.example:443", "origin": "https://models.example"},
        {"host": "Models.Example", "origin": "http://models.example:80"},
        {"host": "[::1]:8000", "origin": "http://[::1]:8000"},
    ],
)
def test_programs_and_own_pages_may(headers):
    refuse_foreign({**HERE, **headers}, ())


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:8000.evil.example"},
        {"origin": "http://evil.example/://127.0.0.1:8000/"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example", "host": ""},
    ],
)
def test_other_pages_may_not_unless_they_are_listed(headers):
    with pytest.raises(NotPermitted, match="cors"):
        refuse_foreign({**HERE, **headers}, ("https://app.example",))
    refuse_foreign({**HERE, **headers}, ("*",))


def test_listed_pages_may():
    refuse_foreign({**HERE, "origin": "https://app.example"}, ("https://app.example",))


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/risk:feedback"),
        ("POST", "/seldon/n/risk/api/v1.0/feedback"),
        ("GET", "/seldon/n/risk/api/v1.0/feedback"),
    ],
)
def test_a_form_of_a_foreign_page_gives_no_feedback(client, method, path):
    keeper = Keeper()
    settings = Settings(10_000, 50, origins=("https://app.example",))
    client.app = build(client.predictor, settings, keeper)
    for foreign in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = client.send(
            method, path, headers={**FORM, **foreign}, content=b'{"prediction_id":"p","reward":1}'
        )
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert keeper.kept == []


def test_plain_text_is_no_feedback_and_listed_pages_give_theirs(client):
    keeper = Keeper()
    settings = Settings(10_000, 50, origins=("https://app.example",))
    client.app = build(client.predictor, settings, keeper)
    body = b'{"prediction_id":"p","reward":1}'
    path = "/v1/models/risk:feedback"
    plain = client.send("POST", path, headers={"content-type": "text/plain"}, content=body)
    assert plain.status_code == 415
    assert keeper.kept == []
    listed = {"origin": "https://app.example", "content-type": "application/json"}
    assert client.send("POST", path, headers=listed, content=body).status_code == 200
    assert len(keeper.kept) == 1
