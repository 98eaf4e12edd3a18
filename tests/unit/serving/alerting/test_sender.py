"""What is wrong gets to real receivers: once, in its time, whatever fails or starts anew."""

import itertools
import json
import threading
from dataclasses import replace

import pytest

from serve_app.config.alerts import AlertArgs
from serve_app.errors import NotFound, RegistryFailed
from serve_app.serving.alerting.sender import STATE, AlertSender, Surroundings
from serve_app.storage.monitor_state import MonitorState
from tests.unit.serving.alerting.receivers import (
    NOON_S,
    PATIENCE_S,
    finding,
    mail_server,
    until,
    web,
)


class Monitor:
    """What a sender needs, and the senders of one place one after another."""

    def __init__(self, folder, **receivers):
        self.now_s = NOON_S
        self.findings, self.unknown, self.is_over = [], set(), False
        self.is_away, self.environment = False, {}
        self.state = MonitorState(str(folder / "state"))
        self.numbers = itertools.count(1)
        self.args = AlertArgs(
            receivers=receivers, group_wait_s=30, repeat_s=3600, resolve_s=60, give_up_s=7200
        )

    def taken_over(self):
        if self.is_away:
            raise RegistryFailed("the database is away")
        return self.is_over

    def start(self):
        sender = AlertSender(
            self.args,
            Surroundings(
                findings=lambda: list(self.findings),
                unknown=lambda: self.unknown,
                state=self.state,
                is_over=self.taken_over,
                clock=lambda: self.now_s,
                ids=lambda: f"m{next(self.numbers)}",
                environment=self.environment,
            ),
        )
        sender.restore()
        return sender

    def run(self, sender, after_s=0):
        self.now_s += after_s
        sender.run()
        assert sender.wait(PATIENCE_S)


def hook(server, **more):
    return {"kind": "webhook", "url": server.url, "timeout_s": 5, **more}


def counts(sender):
    return {
        one.labels: one.value
        for one in sender.samples()
        if one.metric.name == "serve_app_alert_messages"
    }


def said(server):
    return [
        (body["status"], [one["subject"] for one in body["findings"]]) for body in server.bodies
    ]


def test_what_is_wrong_is_sent_once_and_so_is_its_end(tmp_path):
    with web() as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        sender = monitor.start()
        monitor.findings = [finding("age"), finding("dose")]
        for _ in range(20):
            monitor.run(sender, 5)
        assert said(server) == [("firing", ["age", "dose"])]
        monitor.findings = [finding("age")]
        for _ in range(20):
            monitor.run(sender, 5)
    assert said(server)[1:] == [("resolved", ["dose"])]
    assert counts(sender) == {("ops", "sent"): 2, ("ops", "failed"): 0, ("ops", "dropped"): 0}


def test_a_receiver_that_fails_once_gets_it_later(tmp_path):
    with web(500, 200) as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        sender = monitor.start()
        monitor.findings = [finding()]
        monitor.run(sender)
        monitor.run(sender, 30)
        (receiver,) = sender.report()["receivers"]
        assert (receiver["waiting"], receiver["sent"][0]["result"]) == (1, "failed")
        assert "answered 500" in receiver["sent"][0]["error"]
        monitor.run(sender, 5)
        assert len(server.got) == 1
        monitor.run(sender, 5)
    assert [body["id"] for body in server.bodies] == ["m1", "m1"]
    assert counts(sender)["ops", "sent"] == 1
    assert counts(sender)["ops", "failed"] == 1


def test_a_receiver_that_hangs_holds_up_no_other(tmp_path):
    goes_on = threading.Event()
    with web(goes_on) as hangs, web() as server, mail_server() as box:
        mail = {
            "kind": "email", "host": "127.0.0.1", "port": box.port, "security": "none",
            "sender": "a@example.org", "to": ["b@example.org"],
        }  # fmt: skip
        monitor = Monitor(tmp_path, hangs=hook(hangs, timeout_s=60), mail=mail, ops=hook(server))
        sender = monitor.start()
        monitor.findings = [finding()]
        sender.run()
        monitor.now_s += 30
        sender.run()
        until(lambda: len(server.got) == 1 and len(box.got) == 1 and len(hangs.got) == 1)
        monitor.findings = []
        monitor.now_s += 60
        sender.run()
        monitor.now_s += 60
        sender.run()
        until(lambda: len(server.got) == 2 and len(box.got) == 2)
        assert len(hangs.got) == 1
        goes_on.set()
        assert sender.wait(PATIENCE_S)
        monitor.run(sender, 5)
        assert said(hangs) == said(server)


def test_a_monitor_that_starts_again_repeats_nothing_and_forgets_nothing(tmp_path):
    with web(200, 500) as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        sender = monitor.start()
        monitor.findings = [finding("age")]
        monitor.run(sender)
        monitor.run(sender, 30)
        monitor.findings = [finding("age"), finding("dose")]
        monitor.run(sender, 5)
        monitor.run(sender, 30)
        # The second message failed; then the monitor died, and `age` ended.
        sender = monitor.start()
        monitor.findings, monitor.unknown = [], {"drift"}
        monitor.run(sender, 10)
        assert said(server)[1:] == [("firing", ["dose"])] * 2
        monitor.findings, monitor.unknown = [finding("dose")], set()
        monitor.run(sender, 10)
        monitor.run(sender, 60)
        sender = monitor.start()
        monitor.run(sender, 1)
    assert said(server)[3:] == [("resolved", ["age"])]


def test_one_that_another_took_over_from_sends_and_keeps_nothing(tmp_path):
    with web() as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        sender = monitor.start()
        monitor.findings, monitor.is_over = [finding()], True
        monitor.run(sender)
        monitor.run(sender, 30)
    assert server.got == []
    assert monitor.state.load(STATE) is None


def test_alerts_leave_though_the_database_is_away(tmp_path, monkeypatch):
    with web() as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        sender = monitor.start()
        monitor.findings = [finding()]
        monitor.run(sender)

        def away(*_):
            raise RegistryFailed("the database is away")

        monkeypatch.setattr(monitor.state, "save", away)
        monitor.is_away = True
        with pytest.raises(RegistryFailed):
            monitor.run(sender, 30)
        assert sender.wait(PATIENCE_S)
        assert len(server.got) == 1
        monkeypatch.undo()
        monitor.is_away = False
        monitor.run(sender, 5)
        monitor.run(monitor.start(), 5)
    assert len(server.got) == 1


def test_what_another_release_kept_is_announced_once_more(tmp_path):
    with web() as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        monitor.state.save(STATE, {"ops": {"ledger": 1}, "gone": {}})
        sender = monitor.start()
        monitor.findings = [finding()]
        monitor.run(sender)
        monitor.run(sender, 30)
    assert len(server.got) == 1


def test_what_cannot_be_delivered_is_dropped_and_counted(tmp_path):
    with web(*[500] * 100) as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        sender = monitor.start()
        monitor.findings = [finding()]
        monitor.run(sender)
        monitor.run(sender, 30)
        monitor.findings = []
        for _ in range(20):
            monitor.run(sender, 500)
        assert counts(sender)["ops", "dropped"] >= 1
        assert counts(sender)["ops", "sent"] == 0
        (receiver,) = sender.report()["receivers"]
        assert receiver["waiting"] == 0
        assert receiver["sent"][0]["result"] == "dropped"


def test_what_stands_and_was_sent_can_be_looked_at_without_secrets(tmp_path):
    with web() as server:
        monitor = Monitor(tmp_path, ops={"kind": "slack", "url_env": "SLACK_URL"})
        monitor.environment["SLACK_URL"] = server.url
        sender = monitor.start()
        monitor.findings = [finding()]
        monitor.run(sender)
        monitor.run(sender, 30)
    report = json.dumps(sender.report())
    assert "s3cr3t" not in report
    (one,) = sender.report()["findings"]
    assert (one["subject"], one["since_s"]) == ("age: missing", NOON_S)
    (receiver,) = sender.report()["receivers"]
    assert (receiver["receiver"], receiver["kind"], receiver["waiting"]) == ("ops", "slack", 0)
    (sent,) = receiver["sent"]
    assert (sent["result"], sent["at_s"], sent["findings"]) == ("sent", NOON_S + 30, 1)
    samples = {one.metric.name: one for one in sender.samples()}
    assert samples["serve_app_findings"].labels == ("drift", "risk", "warning")


def test_what_is_no_number_is_kept_once_and_shown_as_none(tmp_path, monkeypatch):
    with web() as server:
        monitor = Monitor(tmp_path, ops=hook(server))
        sender, kept = monitor.start(), []
        save = monitor.state.save
        monkeypatch.setattr(
            monitor.state, "save", lambda name, value: (kept.append(name), save(name, value))
        )
        for _ in range(5):
            monitor.findings = [replace(finding(), value=float("nan"))]
            monitor.run(sender, 1)
        assert len(kept) == 1
        (one,) = sender.report()["findings"]
        assert one["value"] is None
        monitor.run(monitor.start(), 30)
    assert len(server.got) == 1


def test_test_messages_say_what_happened(tmp_path):
    with web(404, text=b"no_service") as bad, web() as good:
        monitor = Monitor(tmp_path, good=hook(good), bad=hook(bad))
        sender = monitor.start()
        results = {one["receiver"]: one for one in sender.test(None)}
        assert results["good"] == {
            "receiver": "good", "kind": "webhook", "result": "sent", "error": None,
        }  # fmt: skip
        assert results["bad"]["error"] == "127.0.0.1 answered 404: no_service"
        assert [one["receiver"] for one in sender.test("good")] == ["good"]
        with pytest.raises(NotFound, match="no receiver 'nobody' of alerts; receivers: bad, good"):
            sender.test("nobody")
    assert good.bodies[0]["is_test"]
    assert good.bodies[0]["findings"][0]["kind"] == "test"
