"""The pages of the cluster and of the audit log."""

import re

import pytest

from serve_app.console.scaling_picture import scaling_picture
from serve_app.security.audit import AuditEvent, AuditLog
from serve_app.security.audit_reading import newest_events
from tests.unit.console.seeded import HARMFUL, Seeded
from tests.unit.console.visitor import Visitor, text_of

DASHBOARD = "http://127.0.0.1:8265"


def test_what_does_not_run_comes_first_and_leads_to_rays_dashboard():
    page = Visitor(Seeded(), dashboard=lambda: DASHBOARD, clock=lambda: 500.0).get(
        "/console/cluster"
    )
    words = text_of(page)
    assert "2 of 102 applications do not run." in words
    assert words.index("new") < words.index("zoo") < words.index("churn-0")
    assert f"zoo in Ray's dashboard DEPLOY_FAILED: {HARMFUL[0]} A UNHEALTHY" in words
    assert "It has no deployment yet." in words
    assert f'href="{DASHBOARD}/#/serve/applications/zoo"' in page.text
    assert "9 of 2 10.0.0.1 process 7" in words
    assert "and 6 more wants 2" in words


def test_without_a_dashboard_nothing_leads_to_it():
    page = Visitor(Seeded()).get("/console/cluster")
    assert "dashboard" not in text_of(page)
    assert "2 CPUs are there." in text_of(page)


def test_the_picture_of_scaling_goes_from_step_to_step():
    changes = [
        {"at_s": 200.0, "from": 2, "to": 4, "why": "busy"},
        {"at_s": 100.0, "from": 1, "to": 2, "why": "busy"},
        {"at_s": 300.0, "from": 4, "to": 0, "why": "idle"},
    ]
    body = {"application": "a-1", "deployment": "Model", "changes": changes}
    picture = scaling_picture(body, 500.0)
    assert "a-1 Model. 0 replicas since 1970-01-01 00:05, at most 4 in 3 changes" in picture
    (path,) = re.findall(r'<path d="([^"]+)" class="realised"', picture)
    points = [tuple(map(float, one.split())) for one in path.strip("M").split("L")]
    # 0, 1, 2 and 4 replicas lie from the axis at 60 up to 8, a quarter each.
    assert [y for _, y in points] == [47, 47, 34, 34, 8, 8, 60, 60]
    # 420 s from 80 to 500 are 1000 wide.
    assert [x for x, _ in points][1:6:2] == pytest.approx([47.62, 285.71, 523.81])


def test_the_newest_lines_of_the_log_come_first_and_by_who_and_what(tmp_path):
    now = iter(range(100, 200))
    log = AuditLog(tmp_path, "gateway", lambda: float(next(now)))
    for at, actor in enumerate(("ada", "eve", "ada")):
        begun = log.write(AuditEvent("set_weights", f"endpoint {at}", "begun", actor))
        log.write(AuditEvent("set_weights", "x", "refused", actor, of=begun, problem="conflict"))
    log.write(AuditEvent("move_alias", HARMFUL[0], "begun", "ada"))
    log.close()
    visitor = Visitor(Seeded(), audit_log=tmp_path)
    words = text_of(visitor.get("/console/audit"))
    assert words.index("move_alias") < words.index("endpoint 2") < words.index("endpoint 0")
    assert "refused: conflict" in words
    assert "1970-01-01 00:01:46 ada" in words
    assert f"serve-app audit verify --path {tmp_path}" in words
    by_eve = text_of(visitor.get("/console/audit?actor=eve&action=set_weights"))
    assert "endpoint 1" in by_eve
    assert "endpoint 0" not in by_eve
    assert "Nothing is written there that fits." in text_of(visitor.get("/console/audit?actor=bob"))


def test_the_end_of_a_long_log_is_read_alone(tmp_path, monkeypatch):
    log = AuditLog(tmp_path, "gateway", lambda: 5.0)
    for at in range(200):
        log.write(AuditEvent("set_weights", f"endpoint {at}", "begun", "ada"))
    log.close()
    monkeypatch.setattr("serve_app.security.audit_reading._TAIL_BYTES", 4096)
    events = newest_events(tmp_path, most=1000)
    numbers = [one["seq"] for one in events]
    assert numbers == list(range(200, 200 - len(numbers), -1))
    assert 5 < len(numbers) < 20


def test_a_log_that_is_not_kept_or_not_begun_is_no_error(tmp_path):
    assert "No audit log is kept here" in text_of(Visitor(Seeded()).get("/console/audit"))
    begun = Visitor(Seeded(), audit_log=tmp_path / "audit").get("/console/audit")
    assert "Nothing is written there that fits." in text_of(begun)
