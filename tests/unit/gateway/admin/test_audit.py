"""Changes by the admin API are in the audit log before they are made, or are not made."""

import asyncio
import errno

import httpx
import pytest

from serve_app.gateway.admin.app import build
from serve_app.gateway.admin.paths import PATHS
from serve_app.security import audit
from serve_app.security.audit import AuditLog, digest_of
from serve_app.security.audit_reading import all_events
from tests.unit.gateway.admin.actions import Actions
from tests.unit.gateway.admin.test_app import BODIES, place

CHANGES = [path for path in PATHS if path.access == "change"]


@pytest.fixture
def actions():
    return Actions()


@pytest.fixture
def send(actions, tmp_path):
    log = AuditLog(tmp_path, "gateway", lambda: 0.0)
    app = build(actions, host="127.0.0.1", ids=lambda: "drawn", audit=log)

    def sent(method, path, **more):
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
    assert (begun["actor"], begun["request"], begun["source"]) == (
        "anonymous",
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
