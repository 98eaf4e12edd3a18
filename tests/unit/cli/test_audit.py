"""`serve-app audit`, and changes by the admin API in the log."""

import json
import time

import pytest

from serve_app.cli.key_files import write_key_pair
from serve_app.config.audit import AuditSettings
from serve_app.security.audit import AuditEvent
from serve_app.serving.auditing import audit_log


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_key_pair(tmp_path / "audit.pem")
    return AuditSettings(path="./audit", checkpoint_key="./audit.pem", copy_to="./copy")


@pytest.fixture
def line(settings):
    log = audit_log(settings, "gateway")
    for actor, result in (("ada", "begun"), ("ada", "done"), ("eve", "refused")):
        log.write(AuditEvent("set_weights", "endpoint churn", result, actor))
    log.close()
    return ["--path", "audit", "--key", "audit.pub.pem", "--copy", "copy"]


def test_what_was_done_is_shown(serve_app, line):
    shown = json.loads(serve_app("audit", "show", *line[:2], "--actor", "ada", "--json").out)
    assert [(one["actor"], one["result"]) for one in shown] == [("ada", "begun"), ("ada", "done")]
    assert "set_weights" in serve_app("audit", "show", *line[:2]).out
    later = serve_app("audit", "show", *line[:2], "--since", "2999-01-01", "--json")
    assert json.loads(later.out) == []
    assert json.loads(serve_app("audit", "show", *line[:2], "--action", "x", "--json").out) == []
    assert serve_app("audit", "show", *line[:2], "--since", "yesterday").code == 2


def test_what_was_written_is_verified(serve_app, line, tmp_path):
    done = serve_app("audit", "verify", *line)
    assert done.code == 0, done.err
    assert "3 lines as they were signed" in done.out
    assert "nothing vouches for the end" in serve_app("audit", "verify", *line[:2]).out
    (file,) = [one for one in (tmp_path / "audit").glob("*.jsonl") if "check" not in one.name]
    file.write_bytes(file.read_bytes().replace(b'"eve"', b'"ada"'))
    done = serve_app("audit", "verify", *line)
    assert done.code == 1
    assert "line 3 was changed" in done.err
    (body,) = json.loads(serve_app("audit", "verify", *line, "--json").out)
    assert (body["bad_line"], body["lines"]) == (3, 2)


def test_a_folder_without_a_log_is_told(serve_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "no audit log" in serve_app("audit", "verify", "--path", "empty").err


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"copy_to": "./copy"}, "need a `checkpoint_key`"),
        ({"path": "s3://bucket/audit"}, "`path` is a folder"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        AuditSettings(**{"path": "./audit", **wrong})


def test_a_log_whose_older_lines_were_let_go_is_verified_by_its_anchor(
    serve_app, settings, line, monkeypatch
):
    later_s = time.time() + 400 * 86_400
    monkeypatch.setattr(time, "time", lambda: later_s)
    audit_log(settings.model_copy(update={"retain_days": 365}), "gateway").close()
    done = serve_app("audit", "verify", *line)
    assert done.code == 0, done.err
    assert "lines 3 to 4 as they were signed; those before were let go" in done.out
    (body,) = json.loads(serve_app("audit", "verify", *line, "--json").out)
    assert (body["let_go"], body["lines"], body["problem"]) == (2, 4, None)
    done = serve_app("audit", "verify", *line[:2])
    assert done.code == 1
    assert "--key alone tells" in done.err


def test_lines_are_not_let_go_without_a_key_for_anchors():
    with pytest.raises(ValueError, match="add a `checkpoint_key`"):
        AuditSettings(path="./audit", retain_days=30)
