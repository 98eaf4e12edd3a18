"""Messages as e-mail, to servers that really speak SMTP."""

import email
import email.policy
import logging

import pytest

from serve_app.config.alerts import EmailReceiver
from serve_app.errors import Unavailable
from serve_app.serving.alerting.mail import Mail, mail_of
from tests.unit.serving.alerting.receivers import certificate, finding, mail_server, message

TO = ("ops@example.org", "duty@example.org")


def settings(**more):
    given = {"host": "127.0.0.1", "security": "none", "timeout_s": 5, **more}
    return EmailReceiver(kind="email", sender="serve@example.com", to=TO, **given)


def mail(environment=None, link=None, **more):
    return Mail(settings(**more), environment or {}, link=link)


def read(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def test_mailboxes_get_plain_text():
    with mail_server() as box:
        one = message(finding("größe"), resolved=[finding("dose")])
        mail(port=box.port, link="https://x.example.org/d").send(one)
    ((sender, recipients, content),) = box.got
    assert (sender, tuple(recipients)) == ("serve@example.com", TO)
    got = read(content)
    assert got["Subject"] == "serve-app: risk: 1 new, 1 over (drift größe)"
    assert got["Date"].datetime.isoformat() == "2026-09-23T12:00:00+00:00"
    assert got["Message-ID"] == "<m1@example.com>"
    assert got["List-Id"] == "serve-app alerts <alerts.serve-app.example.com>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content_type() == "text/plain"
    listed = got.get_content().splitlines()
    assert listed[0].startswith("warning: drift risk@1 größe: it is wrong (since 2026-09-23 12:00")
    assert listed[1].startswith("over: drift risk@1 dose")
    assert listed[-1] == "https://x.example.org/d"


def test_all_mails_of_one_finding_are_one_thread():
    first, last = (
        mail_of(one, settings(), None)
        for one in (message(finding()), message(resolved=[finding()], identity="m2"))
    )
    assert first["Message-ID"] != last["Message-ID"]
    assert first["References"] == last["References"] == last["In-Reply-To"]
    other = mail_of(message(finding("dose")), settings(), None)
    assert other["References"] != first["References"]


@pytest.mark.parametrize("evil", ["a\r\nBcc: x@evil.org", "a\nX: y", "a\0b", "a\u2028Bcc: x"])
def test_names_that_clients_make_up_add_no_header(evil):
    with mail_server() as box:
        mail(port=box.port).send(message(finding(evil, endpoint=evil)))
    ((_, recipients, content),) = box.got
    assert tuple(recipients) == TO
    got = read(content)
    assert "Bcc" not in got
    assert "X" not in got


def test_with_starttls_and_a_login(tmp_path):
    context, ca_file = certificate(tmp_path)
    given = {
        "security": "starttls", "username": "serve", "password_env": "PASSWORD",
        "ca_file": str(ca_file),
    }  # fmt: skip
    with mail_server(starttls=context, with_login=True) as box:
        mail({"PASSWORD": "right"}, port=box.port, **given).send(message(finding()))
        assert box.logins == [("serve", "right")]
        with pytest.raises(Unavailable, match="answered 535") as raised:
            mail({"PASSWORD": "wr0ng"}, port=box.port, **given).send(message(finding()))
        assert "wr0ng" not in raised.value.message
        with pytest.raises(Unavailable, match="variable PASSWORD"):
            mail({}, port=box.port, **given).send(message(finding()))
    assert len(box.got) == 1


def test_with_tls_from_the_start(tmp_path):
    context, ca_file = certificate(tmp_path)
    with mail_server(tls=context) as box:
        mail(port=box.port, security="tls", ca_file=str(ca_file)).send(message(finding()))
        with pytest.raises(Unavailable, match="cannot be trusted"):
            mail(port=box.port, security="tls").send(message(finding()))
    assert len(box.got) == 1


def test_a_server_that_cannot_be_trusted_gets_nothing(tmp_path):
    context, _ = certificate(tmp_path)
    with mail_server(starttls=context, with_login=True) as box:
        given = {"security": "starttls", "username": "serve", "password_env": "PASSWORD"}
        with pytest.raises(Unavailable, match="cannot be trusted"):
            mail({"PASSWORD": "right"}, port=box.port, **given).send(message(finding()))
    assert (box.got, box.logins) == ([], [])


def test_nothing_is_sent_in_the_clear_where_tls_was_chosen():
    with (
        mail_server() as box,
        pytest.raises(Unavailable, match=r"lacks what is needed.*see `security`"),
    ):
        mail(port=box.port, security="starttls").send(message(finding()))
    assert box.got == []


def test_what_a_server_refuses_now_is_not_delivered():
    with mail_server("451 come again later") as box:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 answered 451: come again later"):
            mail(port=box.port).send(message(finding()))
        mail(port=box.port).send(message(finding()))
    assert len(box.got) == 1


def test_recipients_that_are_refused_are_named(caplog):
    with mail_server() as box:

        async def refuse(server, session, envelope, address, options):
            if address in refused:
                return "550 nobody of that name"
            envelope.rcpt_tos.append(address)
            return "250 ok"

        box.handle_RCPT = refuse
        refused = {"duty@example.org"}
        with caplog.at_level(logging.ERROR, logger="serve_app.alerts"):
            mail(port=box.port).send(message(finding()))
        assert caplog.records[-1].recipients == ["duty@example.org"]
        refused = set(TO)
        with pytest.raises(Unavailable, match=r"refuses all recipients: duty@example\.org, ops@"):
            mail(port=box.port).send(message(finding()))
    assert [recipients for _, recipients, _ in box.got] == [["ops@example.org"]]


def test_nobody_there_is_said():
    with mail_server() as box:
        port = box.port
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 does not take the mail: .*refused"):
        mail(port=port).send(message(finding()))
