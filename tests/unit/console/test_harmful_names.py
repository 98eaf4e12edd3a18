"""Names and words that would do harm, wherever somebody else may have written them."""

import re
import sqlite3
from dataclasses import replace

import pytest

from serve_app.core.events import Event
from serve_app.lifecycle.ledger import FILE
from serve_app.lifecycle.retraining.overview import RetrainingRuns
from serve_app.lifecycle.run_status import TrainingRuns
from serve_app.security.audit import AuditEvent, AuditLog
from tests.unit.console import seeded_runs
from tests.unit.console.elements import Elements
from tests.unit.console.seeded import HARMFUL, MODEL, BatchJobs, Seeded, endpoint_of, manifest
from tests.unit.console.visitor import Visitor, text_of
from tests.unit.monitoring.experiment import reports

BAD = " ".join(HARMFUL)
"""All of them at once."""
NAME = BAD.replace("/", "%")
"""The same for what has a page of its own: no path has a slash within a name."""
CONTROLS = set("\u202e\x1b")


class Poisoned(Seeded):
    """Of whom everything that has a name or a reason has the same one."""

    def __init__(self):
        super().__init__()
        shares = ((f"{BAD}@1", 10.0), (f"{MODEL}@1000", 90.0))
        self.standing_now["endpoints"] = [endpoint_of(NAME, *shares), endpoint_of("risk", *shares)]
        self.standing_now["waiting"] = {NAME: [f"{BAD}@1"], "risk": [f"{BAD}@1"]}
        self.history = [
            Event(9.0, BAD, "weights set", "risk", BAD, before={f"{BAD}@1": 1},
                  after={f"{BAD}@1": 20, f"{MODEL}@1000": 80}, id=3),
            Event(8.0, BAD, "alias moved", "risk", BAD, before={BAD: BAD}, after=BAD, id=2),
        ]  # fmt: skip

    async def status(self):
        known = await super().status()
        (one, *rest) = known["applications"]
        change = {"at_s": 5.0, "from": 1, "to": 2, "why": BAD}
        named = dict.fromkeys(("application", "deployment", "why", "message"), BAD)
        known["applications"] = [{**one, **named, "changes": [change]}, *rest]
        return {**known, "not_in_effect": [BAD], "failing": [BAD]}

    async def applications(self):
        replica = {"id": BAD, "state": "RUNNING", "node": BAD, "process": 1}
        deployment = {"status": "UNHEALTHY", "message": BAD, "replicas": [replica]}
        made = {"status": "DEPLOYING", "message": BAD, "deployments": {BAD: deployment}}
        return {"applications": {BAD: made}}

    def _line(self, name, versions):
        made = super()._line(name, versions)
        return {**made, "metrics": {BAD: 0.5}, "aliases": {BAD: 1, "champion": 1}}

    async def models(self):
        return [self._line(MODEL, [1, 999, 1000]), self._line(BAD, [1, 2])]

    async def version(self, model, version):
        made = manifest(int(version), name=model, parameters={BAD: BAD + version})
        return {**made, "metrics": {"held_out": {BAD: 0.5}}, "created_by": BAD}

    async def aliases(self, model):
        return [{"alias": BAD, "version": 1, "previous": None, "by": BAD, "reason": BAD,
                 "moved_at": "2026-01-01T00:00:00Z"}]  # fmt: skip

    async def experiments(self):
        return [{"endpoint": "risk", "name": BAD, "phase": "running", "started_s": 5.0,
                 "decision": None}]  # fmt: skip

    async def experiment(self, endpoint):
        return replace(reports.full_report(), name=BAD).to_json()

    async def rollouts(self):
        (one, *_) = await super().rollouts()
        versions = {"candidate": f"{BAD}@2", "stable": f"{BAD}@1", "waiting": [f"{BAD}@2"]}
        return [{**one, **versions, "endpoint": "risk", "why": BAD, "requests": {f"{BAD}@1": 9}}]

    async def findings(self, endpoint):
        return [{**one, "text": BAD, "endpoint": BAD} for one in await super().findings(endpoint)]

    async def alerts(self):
        known = await super().alerts()
        for one in known["receivers"]:
            one.update(receiver=BAD)
            one["sent"][0].update(endpoint=BAD, error=BAD)
        return known


class Jobs(BatchJobs):
    """Whose messages and folders harm."""

    def show(self, name):
        return {**super().show(name), "message": BAD, "version": f"{BAD}@1", "out": BAD}


@pytest.fixture(scope="module")
def visitor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    seeded_runs.training(folder, runs=10, trials=4)
    with sqlite3.connect(folder / FILE) as db:
        db.execute("UPDATE run SET pipeline = ?, model = ?, error = ?", (BAD, BAD, BAD))
    seeded_runs.retraining(folder, runs=10)
    log = AuditLog(folder / "audit", "gateway", lambda: 5.0)
    log.write(AuditEvent("set_weights", BAD, "refused", BAD, tenant=BAD, source=BAD, problem=BAD))
    log.close()
    return Visitor(
        Poisoned(), jobs=Jobs(10), training=TrainingRuns(folder),
        retraining=RetrainingRuns(folder, float), audit_log=folder / "audit",
        dashboard=lambda: "http://127.0.0.1:8265", clock=lambda: 500.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "page",
    ["", "/endpoints/risk", "/models", f"/models/{MODEL}", f"/models/{MODEL}/versions/1000",
     f"/models/{MODEL}/compare?before=1", "/rollouts", "/experiments", "/history", "/monitoring",
     "/endpoints/risk/experiment", "/jobs", "/jobs/job-1", "/runs", "/runs/churn-10", "/approvals",
     f"/approvals/{MODEL}-r10", "/cluster", "/audit"],
)  # fmt: skip
def test_a_name_or_a_reason_is_text_wherever_it_stands(visitor, page):
    answer = visitor.get(f"/console{page}")
    assert answer.status_code == 200
    for tag, attributes in Elements(answer.text).all:
        assert tag != "script" or "src" in attributes
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not attributes.get("href", "").lower().startswith(("javascript:", "data:"))
        # Fields hold what is sent as it is, all else is to be read.
        shown = [value for name, value in attributes.items() if name not in {"name", "value"}]
        assert not CONTROLS & set("".join(one or "" for one in shown)), (tag, attributes)
    words = text_of(answer)
    assert not CONTROLS & set(words), words
    assert not re.search(r"> ?49", words)


def test_the_page_of_what_has_such_a_name_is_where_links_lead(visitor):
    links = re.findall(r'<th scope="row"><a href="([^"]+)"', visitor.get("/console").text)
    assert len(links) == 2
    for link in links:
        page = visitor.get(link)
        assert page.status_code == 200
        (live,) = re.findall(r'hx-get="([^"]+)"', page.text)
        assert live == link
