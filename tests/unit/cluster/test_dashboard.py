"""A dashboard that died is said to have died, where its log is and what to do."""

import pytest

from serve_app.cluster import web
from serve_app.cluster.dashboard import Dashboard
from serve_app.errors import NotReady, ServerFault


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def dashboard(tmp_path):
    logs = tmp_path / "ray" / "session_latest" / "logs"
    logs.mkdir(parents=True)
    (logs / "dashboard.log").write_text("".join(f"line {n}\n" for n in range(20)))
    (logs / "dashboard.err").write_text("\nOSError: no space left\n")
    return Dashboard("http://127.0.0.1:1", tmp_path)


def test_a_dead_one_is_said_with_its_log_and_what_to_do(dashboard):
    with pytest.raises(NotReady) as caught:
        dashboard.serve_details()
    words = caught.value.message
    assert "the Ray dashboard of this cluster does not answer at http://127.0.0.1:1" in words
    assert str(dashboard.log) in words
    assert "serve-app cluster stop, serve-app cluster start" in words
    assert not dashboard.answers()


def test_one_that_ended_is_not_waited_for(dashboard):
    clock = Clock()
    with pytest.raises(ServerFault) as caught:
        dashboard.require_started(lambda: False, clock=clock, sleep=clock.sleep)
    assert clock.now_s == 0
    words = caught.value.message
    assert "the cluster was stopped again" in words
    assert "ended as soon as it was started" in words
    assert words.endswith("  line 18\n  line 19\n  OSError: no space left")
    assert "line 14" not in words


def test_one_that_lives_and_does_not_answer_is_waited_for_as_long_as_said(dashboard):
    clock = Clock()
    with pytest.raises(ServerFault, match="does not answer"):
        dashboard.require_started(lambda: True, timeout_s=7.0, clock=clock, sleep=clock.sleep)
    assert clock.now_s == pytest.approx(7.0, abs=0.5)


def test_one_that_comes_up_late_is_good(dashboard, monkeypatch):
    clock, answers = Clock(), iter([NotReady("not yet"), ServerFault("500"), {"applications": {}}])

    def get(url, **_):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(web, "get", get)
    dashboard.require_started(lambda: True, clock=clock, sleep=clock.sleep)
    assert clock.now_s > 0


def test_one_without_a_log_says_so(tmp_path):
    assert "none" in Dashboard("http://127.0.0.1:1", tmp_path / "x").last_lines()


def test_one_with_a_token_is_shown_what_stands_in_the_file(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(web, "get", lambda url, **more: calls.append((url, more)) or {})
    monkeypatch.setattr(web, "put", lambda url, body, **more: calls.append((url, more)))
    token = tmp_path / "token"
    token.write_text("abc\n")
    known = Dashboard("http://x", tmp_path, token)
    known.serve_details()
    known.put_config({})
    known.get("/api/cluster_status")
    assert {url for url, _ in calls} == {
        "http://x/api/serve/applications/",
        "http://x/api/cluster_status",
    }
    assert [more["headers"] for _, more in calls] == [{"authorization": "Bearer abc"}] * 3
    token.unlink()
    with pytest.raises(ServerFault, match=f"the token of this cluster, {token}, cannot be read"):
        known.get("/")
