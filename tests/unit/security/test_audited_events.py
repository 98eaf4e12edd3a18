"""What is done by itself is in the audit log as well as among the events."""

import errno

import pytest

from serve_app.core.events import Event
from serve_app.security import audit
from serve_app.security.audit import AuditLog, digest_of
from serve_app.security.audit_reading import all_events, verify
from serve_app.security.audited_events import AuditedEvents
from serve_app.storage.events import EventLog

PROMOTED = Event(5.0, "canary", "promoted", "risk", "as good", {"a@1": 9}, {"a@2": 10})


@pytest.fixture
def log(tmp_path):
    made = AuditLog(tmp_path / "audit", "control", lambda: 0.0)
    yield made
    made.close()


@pytest.fixture
def events(log, tmp_path):
    return AuditedEvents(EventLog(str(tmp_path)), log)


def test_each_event_is_a_line_with_digests_and_no_values(events, log, tmp_path):
    assert events.append(PROMOTED).id == 1
    (kept,) = events.newest(kind="promoted", subject="risk")
    assert (kept.who, kept.after) == ("canary", {"a@2": 10})
    (line,) = all_events(tmp_path / "audit")
    assert (line["action"], line["object"], line["actor"]) == ("promoted", "risk", "canary")
    assert (line["before"], line["after"]) == (digest_of({"a@1": 9}), digest_of({"a@2": 10}))
    (file,) = (tmp_path / "audit").glob("control-*-1.jsonl")
    assert b"as good" not in file.read_bytes()
    assert verify(tmp_path / "audit", log.writer, {}).problem is None


def test_what_is_known_already_is_no_line(events, tmp_path):
    seen = Event(5.0, "ada", "registered", "a@1", after="regression")
    assert events.append_once(seen)
    assert not events.append_once(seen)
    assert [one["action"] for one in all_events(tmp_path / "audit")] == ["registered"]


def test_a_line_that_cannot_be_written_stops_nothing(events, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(audit.os, "fsync", full)
    assert events.append(PROMOTED).id == 1
    assert [one.kind for one in events.newest()] == ["promoted"]
    assert "a change is not in the audit log" in caplog.text
