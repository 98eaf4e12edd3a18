"""The console in a real Chromium: no error of axe, nothing loaded from elsewhere, no wide page."""

import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
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
    visitor = Visitor(
        Shown(), predictions=answers, jobs=BatchJobs(),
        training=TrainingRuns(folder), retraining=seeded_runs.retraining(folder),
        audit_log=folder / "audit", dashboard=lambda: "http://127.0.0.1:8265",
        clock=lambda: 500.0,
    )  # fmt: skip
    with served(visitor.app) as made:
        yield f"{made}/console"


class Living(Shown):
    """Whose requests per second may be set."""

    rate = 40.0

    async def requests(self, endpoint):
        course = await super().requests(endpoint)
        return {**course, "now": {**course["now"], "requests_per_s": self.rate}}


@pytest.fixture
def living():
    """A cluster that changes, and the address of its console's port."""
    actions = Living()
    with served(Visitor(actions, predictions=answers).app) as made:
        yield actions, made


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


MOST_PAINT_MS = 1_000
PAINTED = """
new Promise((then) => new PerformanceObserver((list) =>
  list.getEntriesByName("first-contentful-paint").forEach((one) => then(one.startTime))
).observe({type: "paint", buffered: true}))
"""


def painted_ms(page, place):
    """When the first words of a page are seen, after it is asked for."""
    page.open(place, width=1280)
    return page.evaluate(PAINTED)


@pytest.mark.parametrize("name", PAGES)
def test_the_first_paint_of_a_page_comes_within_a_second(page, address, name):
    page.call("Network.setCacheDisabled", cacheDisabled=True)
    try:
        took_ms = min(painted_ms(page, address + PAGES[name]) for _ in range(3))
    finally:
        page.call("Network.setCacheDisabled", cacheDisabled=False)
    figures = os.environ.get("CONSOLE_FIGURES")
    if figures:
        with Path(figures).open("a") as file:
            file.write(f"{name} {took_ms:.0f} ms\n")
    assert took_ms < MOST_PAINT_MS


ORDER = """
[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
  .filter((one) => one.type !== "hidden" && one.tabIndex >= 0 && one.checkVisibility())
  .map((one) => one.outerHTML.slice(0, 60))
"""
FOCUSED = """
(() => { const one = document.activeElement, style = getComputedStyle(one);
  return JSON.stringify([one.outerHTML.slice(0, 60),
    style.outlineStyle !== "none" || one.id === "content"]); })()
"""


@pytest.mark.parametrize("name", ["home", "endpoint", "model", "rollouts", "job", "retraining"])
def test_the_tab_key_goes_through_a_page_in_its_order_and_shows_where_it_is(page, address, name):
    page.open(f"{address}{PAGES[name]}", width=1280)
    wanted = page.evaluate(ORDER)
    for place in wanted[:40]:
        for kind in ("rawKeyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
                      windowsVirtualKeyCode=9)  # fmt: skip
        focused, is_seen = json.loads(page.evaluate(FOCUSED))
        assert focused == place
        assert is_seen, focused


def until(page, code, wanted, within_s=30.0):
    """Wait until an expression has a value in a page."""
    ends_s = time.monotonic() + within_s
    while (value := page.evaluate(code)) != wanted:
        assert time.monotonic() < ends_s, value
        time.sleep(0.1)


def test_a_live_page_renews_its_parts_and_leaves_people_where_they_are(page, living):
    actions, place = living
    _, complaints = page.open(f"{place}/console/endpoints/risk", width=390)
    page.evaluate("window.stays = true; document.querySelector('details').open = true")
    page.evaluate("document.querySelector('#live-route tbody a').focus()")
    page.evaluate("document.querySelector('[name=reason]').value = 'half written'")
    page.evaluate("document.querySelector('#live-route .scroll').scrollLeft = 120")
    before = page.evaluate("document.activeElement.textContent")
    actions.rate = 77.0
    until(page, "document.querySelector('#live-load p').textContent.includes('77 requests')", True)
    assert page.evaluate("window.stays") is True
    assert page.evaluate("document.querySelector('details').open") is True
    assert page.evaluate("document.querySelector('#live-route .scroll').scrollLeft") == 120
    assert page.evaluate("document.activeElement.textContent") == before
    assert page.evaluate("document.querySelector('[name=reason]').value") == "half written"
    assert complaints == []


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
