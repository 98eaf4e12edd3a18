"""What people see in a browser, and that programs are answered as if there were none."""

import base64
import hashlib
import re

import pytest

from serve_app.gateway import browsers
from serve_app.gateway.context import GatewayContext, Settings
from serve_app.gateway.profiles import profiles

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nothing", "/v2/nothing", "/mlflow/nothing", "/kserve/nothing"])
def test_a_browser_is_led_to_the_documentation_from_where_nothing_is(client, path):
    answer = client.send("GET", path, headers=BROWSER)
    assert (answer.status_code, answer.headers["vary"]) == (404, "Accept")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<code>{path}</code>" in answer.text
    assert client.get(re.findall('href="(.*?)"', answer.text)[0]).status_code == 200
    head = client.send("HEAD", path, headers=BROWSER)
    assert head.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    ("method", "accept"),
    [("GET", "*/*"), ("GET", "application/json"), ("POST", BROWSER["accept"])],
)
def test_programs_get_json_from_where_nothing_is(client, method, accept):
    answer = client.send(method, "/nothing", headers={"accept": accept})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "no_such_path")


def test_a_port_without_documentation_says_where_it_is(client):
    context = GatewayContext(client.predictor, Settings(max_body_bytes=10_000, max_rows=50))
    client.app = profiles(context.settings)["mlflow"].app(context)
    answer = client.send("GET", "/nothing", headers=BROWSER)
    assert (answer.status_code, "href" in answer.text) == (404, False)
    assert "<code>/docs</code> of the main port" in answer.text


def test_what_a_path_holds_is_shown_and_not_run(client):
    answer = client.send("GET", "/<script>alert(1)</script>", headers=BROWSER)
    assert "<script>" not in answer.text
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_the_root_says_that_its_answer_depends_on_who_asks(client):
    for headers in (BROWSER, {"accept": "*/*"}):
        assert client.send("GET", "/", headers=headers).headers["vary"] == "Accept"


def test_media_types_are_known_in_any_case():
    assert browsers.wants_page({"accept": "Text/HTML"})
    assert not browsers.wants_page({})
