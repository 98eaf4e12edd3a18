"""Changes by the admin API are in the audit log before they are made, or are not made."""

import asyncio
import errno

import httpx
import pytest

from serve_app.gateway.access import ADMIN, Gate, protect
from serve_app.gateway.admin.app import build
from serve_app.gateway.admin.audit import REFUSALS_AT_ONCE, AuditedChanges
from serve_app.gateway.admin.paths import PATHS
from serve_app.security import audit
from serve_app.security.audit import AuditLog, digest_of
from serve_app.security.audit_reading import all_events
from tests.clocks import Clock
from tests.security.callers import Known, key
from tests.unit.gateway.admin.actions import Actions
from tests.unit.gateway.admin.test_app import BODIES, place

CHANGES = [path for path in PATHS if path.access == "change"]


@pytest.fixture
def actions():
    return Actions()


@pytest.fixture
def clock():
    """Seconds that a test sets."""
    return Clock()


@pytest.fixture
def send(actions, clock, tmp_path):
    log = AuditLog(tmp_path, "gateway", lambda: 0.0)
    audited = AuditedChanges(log, actions, lambda: "drawn", clock=clock)
    admin = build(actions, host="127.0.0.1", ids=lambda: "drawn", audited=audited)
    gate = Gate(Known(), lambda *_: None)
    app = protect(admin, gate, ADMIN, audited.refused_stranger)

    def sent(method, path, who="k-all", **more):
        more["headers"] = {**(key(who) if who else {}), **more.get("headers", {})}

        async def ask():
            transport = httpx.ASGITransport(app)
            url = "http://127.0.0.1:8010"
            async with httpx.AsyncClient(transport=transport, base_url=url) as client:
                return await client.request(method, f"/v1/admin{path}", **more)

        return asyncio.run(ask())

    yield sent
    log.close()


@pytest.mark.parametrize("path", CHANGES, ids=lambda path: path.handler)
def test_every_change_is_there_twice_with_how_it_ended(send, tmp_path, path):
    answer = send(path.method, place(path), json=BODIES.get(path.handler, {}))
    begun, ended = all_events(tmp_path)
    assert (begun["action"], begun["result"]) == (path.handler, "begun")
    assert (ended["action"], ended["of"]) == (path.handler, begun["seq"])
    assert (ended["result"] == "done") == (answer.status_code < 400)
    assert (begun["actor"], begun["tenant"], begun["request"], begun["source"]) == (
        "root",
        "house",
        "drawn",
        "127.0.0.1",
    )


def test_a_line_names_what_stands_by_its_digest_and_no_value(send, actions, tmp_path):
    body = {"weights": {"a@1": 90, "b@1": 10}, "by": "ada", "reason": "a secret reason"}
    headers = {"x-request-id": "r-1"}
    assert send("PUT", "/endpoints/risk/weights", json=body, headers=headers).status_code == 200
    begun, ended = all_events(tmp_path)
    stands = digest_of(asyncio.run(actions.endpoint("risk")))
    assert (begun["before"], ended["after"]) == (stands, stands)
    assert (begun["object"], begun["request"]) == ("endpoint risk", "r-1")
    (file,) = tmp_path.glob("*.jsonl")
    assert b"secret" not in file.read_bytes()


def test_a_change_that_is_refused_is_written_down_as_that(send, tmp_path):
    assert send("PUT", "/endpoints/risk/rollout", json={"action": "promote"}).status_code == 409
    _, ended = all_events(tmp_path)
    assert (ended["result"], ended["problem"]) == ("refused", "conflict")


def test_looking_is_not_written_down(send, tmp_path):
    assert send("GET", "/endpoints").status_code == 200
    assert [one for one in tmp_path.glob("*.jsonl") if one.read_bytes()] == []


def test_nothing_is_done_that_cannot_be_written_down(send, actions, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(audit.os, "fsync", full)
    answer = send("PUT", "/endpoints/risk/weights", json={"weights": {"a@1": 1}})
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "set_weights is not done, since the audit log cannot be written" in answer.text
    assert actions.done == []


def test_what_was_done_is_answered_also_where_its_end_cannot_be_written(
    send, actions, monkeypatch, caplog
):
    real, calls = audit.os.fsync, []

    def full_later(file):
        calls.append(file)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    monkeypatch.setattr(audit.os, "fsync", full_later)
    answer = send("PUT", "/endpoints/risk/weights", json={"weights": {"a@1": 1}})
    assert answer.status_code == 200
    assert len(actions.done) == 1
    assert "the end of a change is not in the audit log" in caplog.text


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.method} {path.handler}")
def test_what_somebody_may_not_do_is_written_down_with_who_wanted_it(send, actions, tmp_path, path):
    body = BODIES.get(path.handler, {}) if path.body else None
    assert send(path.method, place(path), "k-predicts", json=body).status_code == 403
    (line,) = all_events(tmp_path)
    assert (line["action"], line["result"], line["problem"]) == (
        path.handler,
        "refused",
        "forbidden",
    )
    assert (line["actor"], line["tenant"], line["source"]) == ("predicts", "b", "127.0.0.1")
    assert actions.done == []


def test_an_attempt_on_what_one_may_not_know_of_is_written_down(send, tmp_path):
    assert send("GET", "/endpoints/risk", "k-nothing").status_code == 404
    assert send("DELETE", "/endpoints/rosk", "k-age").status_code == 404
    first, second = all_events(tmp_path)
    assert (first["object"], first["problem"]) == ("endpoint risk", "not_found")
    assert (second["action"], second["object"]) == ("remove_endpoint", "endpoint rosk")


def test_a_foreign_page_and_a_foreign_name_are_written_down(send, actions, tmp_path):
    weights = {"weights": {"a@1": 1}}
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        refused = send("PUT", "/endpoints/risk/weights", json=weights, headers=headers)
        assert refused.status_code == 403
    problems = [(one["result"], one["problem"]) for one in all_events(tmp_path)]
    assert problems == [("refused", "not_permitted")] * 2
    assert actions.done == []


@pytest.mark.parametrize("who", ["", "wrong", "sa_0123456789_secret"])
def test_strangers_are_written_down_without_what_they_showed(send, tmp_path, who):
    assert send("DELETE", "/endpoints/risk", who).status_code == 401
    (line,) = all_events(tmp_path)
    assert (line["action"], line["result"], line["problem"]) == (
        "unauthenticated",
        "refused",
        "unauthenticated",
    )
    assert (line["object"], line["actor"]) == ("DELETE /v1/admin/endpoints/risk", "anonymous")
    (file,) = tmp_path.glob("*.jsonl")
    assert who == "" or who.encode() not in file.read_bytes()


def test_refused_attempts_fill_no_disk_and_their_number_is_told(send, clock, tmp_path):
    for _ in range(int(REFUSALS_AT_ONCE) + 7):
        assert send("GET", "/keys", "k-predicts").status_code == 403
    assert len(all_events(tmp_path)) == REFUSALS_AT_ONCE
    # Others are written down all the same, and so are changes.
    assert send("GET", "/keys", "k-age").status_code == 403
    assert send("DELETE", "/endpoints/risk").status_code == 202
    clock.now_s = 60.0
    assert send("GET", "/keys", "k-predicts").status_code == 403
    *_, told, last = all_events(tmp_path)
    assert told["problem"] == "7 refused attempts before this one are not written down"
    assert (last["actor"], last["problem"]) == ("predicts", "forbidden")


def test_what_is_refused_is_refused_also_where_that_cannot_be_written(send, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(audit.os, "fsync", full)
    assert send("GET", "/keys", "k-predicts").status_code == 403
    assert "not in the audit log" in caplog.text
