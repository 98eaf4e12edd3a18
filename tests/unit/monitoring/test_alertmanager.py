"""The example for Alertmanager: alerts come to receivers, grouped, and some are silenced."""

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.ports import free_port
from tests.promql import PROMETHEUS, rules
from tests.unit.serving.alerting.receivers import until, web

CONFIG = PROMETHEUS.parent / "alertmanager" / "alertmanager.yml"
BODY = yaml.safe_load(CONFIG.read_text())
ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def program(*names):
    for name in names:
        if shutil.which(name) is not None:
            return shutil.which(name)
    if os.environ.get("CI") == "true":
        pytest.fail(f"there is no {names[0]}")
    return pytest.skip(f"there is no {names[0]}; apt-get download prometheus-alertmanager")


def names_in(matchers):
    listed = [one.partition('"')[2].rstrip('"') for one in matchers if "alertname" in one]
    return {name for one in listed for name in one.split("|")}


def test_every_alert_that_it_names_is_one_of_the_rules():
    every = [names_in(one["matchers"]) for one in BODY["route"]["routes"]]
    for rule in BODY["inhibit_rules"]:
        every += [names_in(rule["source_matchers"]), names_in(rule["target_matchers"])]
    named = set().union(*every) - {"Values.+"}
    assert named
    assert named <= set(ALERTS)


def test_amtool_takes_it_and_routes_by_severity():
    amtool = program("amtool")
    done = subprocess.run(
        [amtool, "check-config", CONFIG], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name, rule in ALERTS.items():
        severity = rule["labels"]["severity"]
        done = subprocess.run(
            [amtool, "config", "routes", "test", f"--config.file={CONFIG}", f"alertname={name}",
             f"severity={severity}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == {"page": "pages", "ticket": "tickets"}[severity]


def alert(name, endpoint="risk", **labels):
    rule = ALERTS[name]
    return {
        "labels": {
            "alertname": name, "endpoint": endpoint, "version": "risk@1",
            "severity": rule["labels"]["severity"], **labels,
        },
        "annotations": {**rule["annotations"], "summary": f"{name} of {labels}"},
    }  # fmt: skip


@pytest.fixture
def alertmanager(tmp_path):
    """A real one with the example's file, that waits less, and two receivers."""
    name = program("prometheus-alertmanager", "alertmanager")
    if name.endswith("prometheus-alertmanager") and not TEMPLATES.exists():
        pytest.skip(f"Debian's Alertmanager needs {TEMPLATES}, which comes with its package")
    text = CONFIG.read_text()
    for wait in ("group_wait: 30s", "group_wait: 10s", "group_wait: 5m"):
        assert wait in text
        text = text.replace(wait, "group_wait: 1s")
    with web() as pages, web() as tickets:
        for which, server in (("pages", pages), ("tickets", tickets)):
            (tmp_path / f"{which}.url").write_text(server.url)
        text = text.replace("/etc/alertmanager/", f"{tmp_path}/")
        (tmp_path / "alertmanager.yml").write_text(text)
        port = free_port()
        process = subprocess.Popen(
            [name, f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def send(*alerts):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/v2/alerts",
                json.dumps(alerts).encode(),
                {"content-type": "application/json"},
            )
            try:
                with DIRECT.open(request, timeout=5) as answer:
                    return answer.status == 200
            except OSError:
                return False

        try:
            until(lambda: process.poll() is None and send())
            yield send, pages, tickets
        finally:
            process.terminate()
            process.wait(20)


def test_alerts_come_grouped_and_what_says_nothing_new_does_not(alertmanager):
    send, pages, tickets = alertmanager
    assert send(
        alert("ManyFeaturesDrifted"),
        *(alert("ValuesMissing", feature=name) for name in ("age", "dose")),
        *(alert("ValuesMissing", endpoint="churn", feature=name) for name in ("age", "dose")),
        alert("PredictionsDrifted", endpoint="churn", feature="prediction:score"),
    )
    until(lambda: pages.got and tickets.got)
    (page,) = pages.bodies
    assert page["attachments"][0]["title"] == "firing: ManyFeaturesDrifted risk"
    # Those of `risk` are said by the page; those of `churn` are one message.
    (ticket,) = tickets.bodies
    (shown,) = ticket["attachments"]
    assert "churn" in shown["title"]
    assert len(shown["text"].strip().splitlines()) == 3
    assert "docs/runbook.md#predictionsdrifted" in shown["text"]
