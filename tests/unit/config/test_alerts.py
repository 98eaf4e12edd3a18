"""Who is sent alerts: mistakes are named, and secrets are not."""

import pytest
from pydantic import ValidationError

from serve_app.config import MonitorArgs
from serve_app.config.alerts import AlertArgs

MAIL = {
    "kind": "email", "host": "smtp.example.org", "sender": "serve@example.org",
    "to": ["ops@example.org"],
}  # fmt: skip


def args(**receiver):
    return AlertArgs.model_validate({"receivers": {"ops": receiver}}).receivers["ops"]


def test_without_any_of_it_the_log_has_it():
    alerts = MonitorArgs().alerts
    assert {name: one.kind for name, one in alerts.receivers.items()} == {"log": "log"}
    assert alerts.timing() == {
        "group_wait_s": 30, "repeat_s": 14_400, "resolve_s": 300, "give_up_s": 21_600,
        "most_waiting": 100,
    }  # fmt: skip


@pytest.mark.parametrize(
    "receiver",
    [
        {"kind": "log"},
        {"kind": "webhook", "url": "https://example.org:8443/x?y=z"},
        {"kind": "webhook", "url_env": "URL", "secret_env": "KEY", "severity": "critical"},
        {"kind": "slack", "url_env": "SLACK_URL", "kinds": ["drift"], "endpoints": ["risk"]},
        MAIL,
        {**MAIL, "username": "serve", "password_env": "PASSWORD", "security": "tls"},
        {**MAIL, "host": "127.0.0.1", "security": "none"},
    ],
)
def test_receivers_may_be_such(receiver):
    assert args(**receiver).kind == receiver["kind"]


@pytest.mark.parametrize(
    ("receiver", "reason"),
    [
        ({"kind": "pager"}, "does not match any of the expected tags"),
        ({"kind": "webhook"}, "one of `url` and `url_env`"),
        ({"kind": "webhook", "url": "https://a", "url_env": "A"}, "one of `url` and `url_env`"),
        ({"kind": "webhook", "url": "example.org/x"}, "http:// or https:// URL with a host"),
        ({"kind": "webhook", "url": "file:///etc/passwd"}, "http:// or https:// URL with a host"),
        ({"kind": "webhook", "url": "http://a:99999/"}, "http:// or https:// URL with a host"),
        ({"kind": "webhook", "url": "http://a/b c"}, "no spaces or control characters"),
        ({"kind": "webhook", "url": "http://a/b\r\nX: y"}, "http"),
        ({"kind": "webhook", "url": "http://me:s3cr3t@a/"}, "put the whole URL into `url_env`"),
        ({"kind": "webhook", "url": "https://a", "timeout_s": 0}, "greater than 0"),
        ({"kind": "webhook", "url": "https://a", "kinds": []}, "at least 1 item"),
        ({"kind": "webhook", "url": "https://a", "kinds": ["drfit"]}, "'data_quality', 'quality'"),
        ({"kind": "webhook", "url": "https://a", "severity": "high"}, "'warning' or 'critical'"),
        ({"kind": "slack", "url": "https://a"}, "url_env"),
        ({"kind": "slack", "url_env": "https://hooks/s3cr3t"}, "name of an environment variable"),
        ({**MAIL, "to": []}, "at least 1 item"),
        ({**MAIL, "to": ["ops"]}, "one e-mail address"),
        ({**MAIL, "to": ["a@b.org\r\nBcc: x@y.org"]}, "one e-mail address"),
        ({**MAIL, "to": ["a@b.org, c@d.org"]}, "one e-mail address"),
        ({**MAIL, "sender": "Ops <ops@example.org>"}, "one e-mail address"),
        ({**MAIL, "host": "a b"}, "should match pattern"),
        ({**MAIL, "username": "serve"}, "`username` and `password_env` belong together"),
        ({**MAIL, "username": "a", "password_env": "s3cr3t!"}, "name of an environment variable"),
        (
            {**MAIL, "username": "a", "password_env": "P", "security": "none"},
            "a password is sent with `security: starttls` or `tls` alone",
        ),
    ],
)
def test_what_cannot_be_is_named_without_secrets(receiver, reason):
    with pytest.raises(ValidationError) as raised:
        MonitorArgs.model_validate({"alerts": {"receivers": {"ops": receiver}}})
    assert reason in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    ("alerts", "reason"),
    [
        ({"receivers": {"Ops Team": {"kind": "log"}}}, "should match pattern"),
        ({"repeat_s": 10, "group_wait_s": 60}, "`repeat_s` must be at least `group_wait_s`"),
        ({"resolve_s": -1}, "greater than or equal to 0"),
        ({"recievers": {}}, "Extra inputs are not permitted"),
        ({"link": "grafana"}, "http:// or https:// URL"),
    ],
)
def test_times_and_names_that_cannot_be_are_named(alerts, reason):
    with pytest.raises(ValidationError, match=reason):
        AlertArgs.model_validate(alerts)
