"""The console of a real cluster under load: what it shows is so, and what it changes has effect."""

import html
import json
import re
import shutil
import subprocess

import httpx
import pytest

from benchmarks.load import build_request
from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import BIN, application, config, until
from tests.cluster.load import Load
from tests.platforms.browser import browser

pytestmark = pytest.mark.long

RATE = 60.0
PAGE = "/console/endpoints/diagnosis"
NOW = re.compile(r"<p>([\d.]+) requests per second now")


@pytest.fixture(scope="module")
def running(cluster):
    """A split of two versions behind two gateways, each of which counts its own requests."""
    body = config("split")
    application(body, "gateway")["args"]["audit"] = {"path": "./state/audit"}
    for app in body["applications"]:
        deployment = app["deployments"][0]
        if app["name"] not in {"control", "monitor"}:
            deployment.pop("autoscaling_config")
            deployment["num_replicas"] = 2 if app["name"] == "gateway" else 1
            deployment["ray_actor_options"] = {"num_cpus": 0.1}
    cluster.start()
    cluster.deploy(body)
    return cluster


@pytest.fixture(scope="module")
def client(running):
    with httpx.Client(base_url=running.admin_url, timeout=30, trust_env=False) as made:
        yield made


@pytest.fixture(scope="module")
def load(running):
    rows = breast_cancer().frame.head(50).to_dict(orient="records")
    requests = [
        build_request(
            "POST",
            "/v1/models/diagnosis:predict",
            {"content-type": "application/json", "host": "127.0.0.1"},
            json.dumps({"instances": [row], "parameters": {"patient_id": at}}).encode(),
        )
        for at, row in enumerate(rows * 4)
    ]
    with Load(running, requests, 8, RATE):
        yield


def page(client, path=PAGE):
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def shares(client):
    """Of each version the share of requests that it answers now."""
    known = client.get("/v1/admin/endpoints/diagnosis/requests").json()["now"]["versions"]
    rates = {version: one["requests_per_s"] for version, one in known.items()}
    total = sum(rates.values())
    return {version: rate / total for version, rate in rates.items()} if total else {}


def test_an_endpoint_shows_the_rate_of_all_gateways_together(running, client, load):
    def rate():
        known = NOW.search(page(client))
        return known is not None and 0.8 * RATE < float(known[1]) < 1.2 * RATE

    until(rate, timeout_s=90, what="the rate on the page")
    text = page(client)
    assert text.count('class="chart"') == 3
    assert "diagnosis-xgb-1" in text
    assert 0.75 < shares(client)["diagnosis-xgb@1"] < 1
    assert len(running.replicas("gateway")) == 2


def test_requests_of_the_page_work_when_they_are_pasted(client, running):
    codes = [
        html.unescape(one) for one in re.findall(r"<pre[^>]*>(.*?)</pre>", page(client), re.DOTALL)
    ]
    shell, python, script, *others = codes
    for command in (shell, *others):
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        json.loads(done.stdout)
    assert len(others) == 10
    programs = [[str(BIN / "python"), "-c", python]]
    if shutil.which("node"):
        programs.append(["node", "--input-type=module", "-e", script])
    for program in programs:
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "predictions" in done.stdout or "[" in done.stdout


@pytest.mark.parametrize(
    "path",
    ["", "/models", "/models/diagnosis-xgb", "/models/diagnosis-xgb/versions/1", "/rollouts",
     "/experiments", "/monitoring", "/runs", "/approvals", "/jobs", "/cluster", "/history",
     "/audit"],
)  # fmt: skip
def test_every_page_of_a_cluster_is_there(client, path, load):
    text = page(client, f"/console{path}")
    # States are words, and no names out of a program.
    assert "Status." not in text


def test_weights_that_a_form_sets_have_effect_and_stand_in_the_audit(
    running, client, load, tmp_path
):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    with browser(program, tmp_path) as seen:
        seen.open(f"{running.admin_url}{PAGE}", width=1280)
        at = seen.evaluate("document.querySelector('#live-at').textContent")
        until(
            lambda: seen.evaluate("document.querySelector('#live-at').textContent") != at,
            timeout_s=60,
            what="a part that renews itself",
        )
        seen.evaluate(
            """(() => { const form = document.querySelector("form[action$='/weights']");
            form.querySelector("[name='weight.diagnosis-xgb@1']").value = "10";
            form.querySelector("[name='weight.diagnosis-forest@1']").value = "90";
            form.querySelector("[name=by]").value = "ada";
            form.querySelector("[name=reason]").value = "the forest is better";
            form.querySelector("button").click(); })()"""
        )
        until(
            lambda: "Done: the change is made" in seen.evaluate("document.body?.innerText ?? ''"),
            timeout_s=60,
            what="that the change is made",
        )
    until(
        lambda: shares(client).get("diagnosis-forest@1", 0) > 0.8,
        timeout_s=120,
        what="requests that go to the forest",
    )
    history = page(client)
    assert "the forest is better" in history
    assert "Back to this" in history
    lines = re.findall(
        r"<tr>.*?</tr>", page(client, "/console/audit?action=set_weights"), re.DOTALL
    )
    results = [line for line in lines if "endpoint diagnosis" in line]
    assert any(">done<" in line for line in results), lines
    assert any(">begun<" in line for line in results), lines
