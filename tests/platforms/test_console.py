"""The console in a real Chromium: no error of axe, nothing loaded from elsewhere, no wide page."""

import os
import shutil
import subprocess
import tarfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from serve_app.gateway import docs
from serve_app.gateway.access import Gate
from serve_app.gateway.openapi.document import EndpointDescription, document
from serve_app.lifecycle.run_status import TrainingRuns
from serve_app.security.audit import AuditEvent, AuditLog
from tests.platforms.browser import browser
from tests.security.callers import Known
from tests.unit.console import seeded_runs
from tests.unit.console.seeded import HARMFUL, MODEL, SIGNATURE, BatchJobs, Seeded
from tests.unit.console.visitor import Visitor
from tests.unit.monitoring.experiment import reports

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(900)]

PACKAGE = "axe-core@4.10.3"
PAGES = {
    "home": "", "endpoint": "/endpoints/risk", "models": "/models", "model": f"/models/{MODEL}",
    "compare": f"/models/{MODEL}/compare?before=3", "version": f"/models/{MODEL}/versions/1000",
    "rollouts": "/rollouts", "experiments": "/experiments",
    "experiment": "/endpoints/risk/experiment", "history": "/history", "missing": "/nothing",
    "monitoring": "/monitoring", "monitored": "/monitoring/risk?page=2", "runs": "/runs",
    "run": "/runs/churn-10000", "approvals": "/approvals", "jobs": "/jobs", "job": "/jobs/job-1",
    "retraining": f"/approvals/{MODEL}-r200", "cluster": "/cluster", "audit": "/audit",
}  # fmt: skip
SIZES = [(1280, False), (1280, True), (390, False), (390, True)]
VIOLATIONS = """
axe.run(document, {resultTypes: ["violations"]}).then(
  (made) => made.violations.map((one) => one.id + ": " + one.nodes.map((n) => n.html).slice(0, 3)))
"""


class Shown(Seeded):
    """The seeded cluster with an experiment that has a report."""

    async def experiment(self, endpoint):
        return reports.full_report().to_json()


async def answers(scope, receive, send):
    """Predicts 1 whatever is asked."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"predictions":[1]}'})


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    made = tmp_path_factory.mktemp("axe")
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=made, check=True, timeout=300)
    with tarfile.open(next(made.glob("*.tgz"))) as archive:
        archive.extractall(made, filter="data")
    return (made / "package" / "axe.min.js").read_text()


@contextmanager
def served(app):
    """An application on a port of its own; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    seeded_runs.training(folder)
    log = AuditLog(folder / "audit", "gateway", lambda: 5.0)
    for at, name in enumerate(HARMFUL):
        log.write(AuditEvent("set_weights", name, "refused", name, problem="conflict", of=at + 1))
    log.close()
    counted = {f"{MODEL}@1000": 912, f"{MODEL}@999": 88}
    visitor = Visitor(
        Shown(), answered=lambda name: counted, predictions=answers, jobs=BatchJobs(),
        training=TrainingRuns(folder), retraining=seeded_runs.retraining(folder),
        audit_log=folder / "audit", dashboard=lambda: "http://127.0.0.1:8265",
        clock=lambda: 500.0,
    )  # fmt: skip
    with served(visitor.app) as made:
        yield f"{made}/console"


@pytest.fixture(scope="module")
def apart():
    """Pages for strangers, by their names: of the login, and of an endpoint's documentation."""
    described = EndpointDescription(
        HARMFUL[4], SIGNATURE.inputs, SIGNATURE.output, ((f"{MODEL}@1", 1.0),), "single"
    )
    page = docs.page(document((described,), title="serve-app", version="1"))
    pages = Starlette(routes=[Route("/docs", lambda _: HTMLResponse(page, headers=docs.HEADERS))])
    gate = Gate(Known(), lambda *_: None)
    with served(Visitor(Shown(), gate=gate).app) as login, served(pages) as main:
        yield {"login": f"{login}/console", "docs": f"{main}/docs"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    with browser(program, tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.mark.parametrize(("width", "dark"), SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_good_to_look_at_for_everybody(page, address, axe, name, width, dark):
    looked_at(page, address + PAGES[name], axe, name, width, dark)


@pytest.mark.parametrize(("width", "dark"), SIZES)
@pytest.mark.parametrize("name", ["login", "docs"])
def test_what_strangers_see_is_good_to_look_at(page, apart, axe, name, width, dark):
    looked_at(page, apart[name], axe, name, width, dark)


def looked_at(page, place, axe, name, width, dark):
    """Load a page as somebody sees it; fails where anything is wrong with it."""
    asked, complaints = page.open(place, width=width, dark=dark)
    own = "/".join(place.split("/")[:3])
    assert all(one.startswith(own) for one in asked), asked
    assert [one for one in complaints if "404" not in one] == []
    pictures = os.environ.get("CONSOLE_PICTURES")
    if pictures:
        shade = "dark" if dark else "light"
        page.screenshot(Path(pictures) / f"{name}-{width}-{shade}.png")
    # Tables are moved sideways within their place, the page is not.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS) == []


def test_forms_work_without_script(page, address):
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(f"{address}/endpoints/risk", width=1280)
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        button = page.call("DOM.querySelector", nodeId=root, selector="form[action$='#try'] button")
        page.call("DOM.focus", nodeId=button["nodeId"])
        page.events.clear()
        for kind in ("rawKeyDown", "char", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                windowsVirtualKeyCode=13,
            )  # fmt: skip
        page.wait_for("Page.loadEventFired")
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        shown = page.call("DOM.querySelector", nodeId=root, selector="[role=status] pre")
        text = page.call("DOM.getOuterHTML", nodeId=shown["nodeId"])["outerHTML"]
        assert "predictions" in text
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)
