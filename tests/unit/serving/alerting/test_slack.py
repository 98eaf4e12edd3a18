"""Messages as Slack takes them."""

import pytest

from serve_app.config.alerts import SlackReceiver
from serve_app.errors import Unavailable
from serve_app.serving.alerting.slack import LONGEST_SECTION, Slack, slack_body
from tests.unit.serving.alerting.receivers import finding, message, web


def slack(environment, link=None):
    settings = SlackReceiver(kind="slack", url_env="SLACK_URL", timeout_s=5)
    return Slack(settings, environment, link=link)


def test_a_channel_gets_blocks_and_a_line_for_notifications():
    with web() as server:
        one = message(finding(), resolved=[finding("dose")])
        slack({"SLACK_URL": server.url}, link="https://x.example.org/?a=1&b=2").send(one)
    (body,) = server.bodies
    assert body["text"].startswith("serve-app: risk: 1 new, 1 over")
    head, listed, link = body["blocks"]
    assert head["text"] == {"type": "mrkdwn", "text": f"*{body['text']}*", "verbatim": True}
    assert [line[0] for line in listed["text"]["text"].splitlines()] == ["•", "•"]
    assert link["text"]["text"] == "<https://x.example.org/?a=1&amp;b=2|Look at it>"


def test_nobody_is_called_and_nothing_is_linked_by_names_that_clients_make_up():
    body = slack_body(message(finding("<!channel> & <https://evil|x>")), None)
    texts = [body["text"], *(block["text"]["text"] for block in body["blocks"])]
    for text in texts:
        assert "<" not in text
        assert "&lt;!channel&gt; &amp;" in text


def test_blocks_are_as_long_as_slack_takes_them():
    body = slack_body(message(*(finding("&" * 400 + str(n)) for n in range(100))), None)
    assert len(body["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= LONGEST_SECTION for block in body["blocks"])
    last = body["blocks"][-1]["text"]["text"]
    assert last.endswith("• and 50 more")


def test_what_slack_refuses_is_not_delivered():
    with (
        web(404, text=b"no_service") as server,
        pytest.raises(Unavailable, match="answered 404: no_service"),
    ):
        slack({"SLACK_URL": server.url}).send(message(finding()))


def test_a_url_that_is_not_there_is_named_by_its_variable():
    with pytest.raises(Unavailable, match="variable SLACK_URL"):
        slack({}).send(message(finding()))
