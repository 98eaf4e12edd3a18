"""Messages as JSON, to receivers that really answer over HTTP."""

import hashlib
import hmac
import json
import math
import threading
from dataclasses import replace

import pytest

from serve_app.config.alerts import WebhookReceiver
from serve_app.errors import Unavailable
from serve_app.serving.alerting.webhook import Webhook, signature
from tests.unit.serving.alerting.receivers import NOON_S, certificate, finding, message, web


def webhook(environment=None, link=None, **settings):
    made = WebhookReceiver(kind="webhook", timeout_s=settings.pop("timeout_s", 5), **settings)
    return Webhook(made, environment or {}, clock=lambda: NOON_S, link=link)


def test_a_receiver_gets_the_message_as_json():
    with web() as server:
        webhook(url=server.url, link="https://grafana.example.org/d/x").send(
            message(finding(severity="critical"), resolved=[finding("dose")])
        )
    ((path, headers, body),) = server.got
    assert path == "/hooks/s3cr3t-token"
    assert headers["content-type"] == "application/json"
    sent = json.loads(body)
    assert (sent["version"], sent["id"], sent["status"]) == (1, "m1", "firing")
    assert (sent["endpoint"], sent["severity"], sent["standing"]) == ("risk", "critical", 1)
    assert [one["status"] for one in sent["findings"]] == ["firing", "resolved"]
    assert len({one["id"] for one in sent["findings"]}) == 2
    assert sent["title"].startswith("serve-app: critical: risk: 1 new, 1 over")
    assert len(sent["text"].splitlines()) == 2
    assert sent["link"] == "https://grafana.example.org/d/x"
    assert "x-serve-app-signature" not in headers


def test_the_signature_is_of_the_time_and_the_body():
    environment = {"URL": "", "KEY": "k3y"}
    with web() as server:
        environment["URL"] = server.url
        webhook(environment, url_env="URL", secret_env="KEY").send(message(finding()))
    ((_, headers, body),) = server.got
    sent = headers
    assert sent["x-serve-app-timestamp"] == "1790164800"
    expected = hmac.new(b"k3y", b"1790164800." + body, hashlib.sha256).hexdigest()
    assert sent["x-serve-app-signature"] == f"sha256={expected}"


def test_the_signature_is_that_of_openssl():
    # printf '1790164800.{}' | openssl dgst -sha256 -hmac k3y
    assert (
        signature("k3y", "1790164800", b"{}")
        == "sha256=a359dd6b712ce667cc5dba8d5e9c310c9aa1f5ea68ae25e79f90797030858674"
    )


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_status_of_failure_is_not_delivered(status):
    with web(status, text=b"no such <channel>") as server:
        with pytest.raises(Unavailable, match=f"answered {status}: no such <channel>"):
            webhook(url=server.url).send(message(finding()))
        webhook(url=server.url).send(message(finding()))
    assert len(server.got) == 2


def test_what_a_receiver_repeats_of_a_secret_url_is_not_passed_on():
    with (
        web(404, text=b"Cannot POST /hooks/s3cr3t-token") as server,
        pytest.raises(Unavailable) as raised,
    ):
        webhook({"URL": server.url}, url_env="URL").send(message(finding()))
    assert raised.value.message == "127.0.0.1 answered 404"


def test_one_that_hangs_is_given_up_on():
    goes_on = threading.Event()
    with web(goes_on) as server:
        with pytest.raises(Unavailable, match="does not answer: timed out"):
            webhook(url=server.url, timeout_s=0.2).send(message(finding()))
        goes_on.set()


def test_nobody_there_is_said_without_the_url():
    with web() as server:
        url = server.url
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 does not answer: .*refused") as raised:
        webhook(url=url).send(message(finding()))
    assert "s3cr3t" not in raised.value.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_message_is_sent_on_to_another_host(status):
    with (
        web() as stranger,
        web((status, {"Location": stranger.url})) as server,
        pytest.raises(Unavailable, match=rf"redirects \({status}\) to 127.0.0.1"),
    ):
        webhook(url=server.url).send(message(finding()))
    assert stranger.got == []


def test_another_path_of_the_same_host_is_followed():
    with web((308, {"Location": "/elsewhere"})) as server:
        webhook(url=server.url).send(message(finding()))
    assert [path for path, _, _ in server.got] == ["/hooks/s3cr3t-token", "/elsewhere"]
    assert server.bodies[0] == server.bodies[1]


def test_one_that_leads_in_circles_is_given_up_on():
    with (
        web(*[(307, {"Location": "/hooks/s3cr3t-token"})] * 20) as server,
        pytest.raises(Unavailable, match="answered 307"),
    ):
        webhook(url=server.url).send(message(finding()))
    assert len(server.got) < 10


def test_certificates_are_verified(tmp_path):
    context, ca_file = certificate(tmp_path)
    with web(certificate=context) as server:
        with pytest.raises(Unavailable, match=r"certificate of 127\.0\.0\.1 cannot be trusted"):
            webhook(url=server.url).send(message(finding()))
        assert server.got == []
        webhook(url=server.url, ca_file=str(ca_file)).send(message(finding()))
        assert len(server.got) == 1


def test_a_certificate_of_another_name_is_refused(tmp_path):
    context, ca_file = certificate(tmp_path, name="127.0.0.2")
    with (
        web(certificate=context) as server,
        pytest.raises(Unavailable, match="IP address mismatch"),
    ):
        webhook(url=server.url, ca_file=str(ca_file)).send(message(finding()))
    assert server.got == []


def test_authorities_that_cannot_be_read_are_named(tmp_path):
    made = webhook(url="https://127.0.0.1:9/x", ca_file=str(tmp_path / "nowhere.pem"))
    with pytest.raises(Unavailable, match=r"nowhere\.pem cannot be read"):
        made.send(message(finding()))


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://a/b", "http://", "http://a b/c"])
def test_a_variable_that_holds_no_url_is_named_or_refused(url):
    with pytest.raises(Unavailable) as raised:
        webhook({"URL": url}, url_env="URL").send(message(finding()))
    assert "URL" in raised.value.message
    assert "etc" not in raised.value.message


def test_a_secret_that_is_not_set_is_named():
    with pytest.raises(Unavailable, match="variable KEY is empty or not set where the monitor"):
        webhook({}, url="http://127.0.0.1:9/x", secret_env="KEY").send(message(finding()))


def test_numbers_that_json_has_not_are_null():
    strange = [replace(finding(), value=value) for value in (math.nan, math.inf)]
    with web() as server:
        webhook(url=server.url).send(message(*strange))
    assert [one["value"] for one in server.bodies[0]["findings"]] == [None, None]
