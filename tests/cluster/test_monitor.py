"""What became of requests is kept and joined with labels, whoever is killed meanwhile."""

import json
import subprocess

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from benchmarks.load import build_request
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import BIN, application, config, endpoints, until
from tests.cluster.load import Load
from tests.unit.serving.alerting.receivers import web

ENDPOINT = "area"
PATH = f"/v1/models/{ENDPOINT}:predict"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Two versions of `area`, of which the second gives ten times as much."""
    home = tmp_path_factory.mktemp("registry")
    frame = pd.DataFrame({"height": [float(n % 17) for n in range(500)], "width": 1.0})
    frame["width"] += frame["height"] ** 0.5
    for factor in (1.0, 10.0):
        fitted = LinearRegression().fit(frame, factor * frame.sum(axis=1))
        register(Registry(str(home)), Candidate("area", fitted, frame))
    return home


@pytest.fixture(scope="module")
def hook():
    """Somebody who takes alerts."""
    with web() as server:
        yield server


@pytest.fixture(scope="module")
def running(cluster, hook):
    cluster.start()
    body = config("local")
    base = [application(body, name) for name in ("gateway", "control", "monitor")]
    application(body, "monitor")["args"].update(segment_s=3, drift={"window_s": 60})
    application(body, "monitor")["args"]["alerts"] = {
        "receivers": {
            "gone": {"kind": "slack", "url_env": "NOBODY_SETS_THIS"},
            "ops": {"kind": "webhook", "url": hook.url},
        }
    }
    body["applications"] = base
    named = endpoints(body)
    named.clear()
    named[ENDPOINT] = {
        "placement": "inline",
        "route": {"kind": "single", "model": "area@1"},
        "monitoring": {"key": "order_id"},
    }
    named["private"] = {**named[ENDPOINT], "monitoring": {"redact": ["width"]}}
    cluster.deploy(body)
    return cluster


def ask(running, orders):
    rows = [{"height": float(n), "width": 1.0, "order_id": f"o-{n}"} for n in orders]
    return running.predict(ENDPOINT, rows)


def recorded(running, answer):
    """The rows that the log holds of an answer."""
    options = ("--endpoint", answer["endpoint"], "--id", answer["prediction_id"])
    return json.loads(running.run("records", "query", "--json", *options))


def total(running):
    listed = json.loads(running.run("records", "list", "--json"))
    return sum(one["rows"] for one in listed if one["endpoint"] == ENDPOINT)


def kept(running, answer):
    return until(lambda: recorded(running, answer), timeout_s=30, what="records of a request")


def test_requests_are_kept_with_their_answers(running):
    answer = ask(running, range(3))
    rows = kept(running, answer)
    assert [row["key"] for row in rows] == ["o-0", "o-1", "o-2"]
    assert [row["value"] for row in rows] == answer["predictions"]
    assert [row["feature_height"] for row in rows] == [0.0, 1.0, 2.0]
    assert {row["feature_width"] for row in rows} == {1.0}
    assert {tuple(row["variants"]) for row in rows} == {("area@1",)}


def printed(running, *arguments):
    """What a command prints that ends with 1 all the same."""
    done = subprocess.run(
        [str(BIN / "serve-app"), *arguments],
        cwd=running.home, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_alerts_can_be_tried_before_anything_is_wrong(running, hook):
    results = json.loads(printed(running, "monitor", "alerts", "--test", "--json"))
    assert [(one["receiver"], one["result"]) for one in results] == [
        ("gone", "failed"),
        ("ops", "sent"),
    ]
    assert "NOBODY_SETS_THIS is empty or not set" in results[0]["error"]
    assert hook.bodies[-1]["is_test"]
    assert "ops (webhook): sent" in running.run("monitor", "alerts", "--test", "ops")
    refused = running.run("monitor", "alerts", "--test", "nobody", code=1)
    assert "there is no receiver 'nobody' of alerts; receivers: gone, ops" in refused
    known = json.loads(running.run("monitor", "alerts", "--json"))
    assert {one["receiver"] for one in known["receivers"]} == {"gone", "ops"}
    assert "ops" in running.run("monitor", "alerts")


def test_what_is_redacted_is_not_kept(running):
    (row,) = kept(running, running.predict("private", [{"height": 2.0, "width": 1.0}]))
    assert row["feature_height"] == 2.0
    assert "width" not in json.dumps(row)


def test_labels_that_come_in_bulk_find_their_predictions_by_key(running):
    ask(running, range(100, 150))
    lines = ["order,paid,known", *(f"o-{n},{n}.5,2100-01-01" for n in range(100, 160))]
    (running.home / "labels.csv").write_text("\n".join(lines))
    options = ("--endpoint", ENDPOINT, "--id", "order", "--truth", "paid")
    imported = running.run("feedback", "import", "labels.csv", *options)
    assert "60" in imported

    def states():
        records = running.run("feedback", ENDPOINT, "--records").splitlines()
        return [json.loads(line)["state"] for line in records]

    until(lambda: states().count("matched") == 50, timeout_s=60, what="labels of 50 orders")
    assert states().count("pending") == 10
    # Whoever is not sure whether it arrived sends it again.
    running.run("feedback", "import", "labels.csv", *options)
    assert len(states()) == 60


def test_another_version_computes_what_was_recorded(running):
    until(lambda: total(running) >= 53, timeout_s=30, what="records")
    replay = ("records", "replay", "--endpoint", ENDPOINT, "--json", "--version")
    same = json.loads(running.run(*replay, "area@1"))
    assert (same["changed"], same["refused"], same["share_equal"]) == (0, 0, 1.0)
    assert same["rows"] >= 53
    limits = ("--max-changed", "0.05")
    other = json.loads(running.run(*replay, "area@2"))
    assert other["changed"] == other["rows"] >= 53
    refused = running.run(*replay, "area@2", *limits, code=1)
    assert "of the rows changed, more than 5.00%" in refused


def test_a_monitor_that_is_killed_under_load_loses_nothing_and_no_request_fails(running):
    before = total(running)
    body = json.dumps({"instances": [{"height": 1.0, "width": 1.0}]}).encode()
    headers = {"content-type": "application/json"}
    request = build_request("POST", PATH, headers, body)
    with Load(running, [request], connections=2, rate_per_s=50) as load:
        for _ in range(2):
            until(lambda: total(running) > before + 50, timeout_s=60, what="records")
            (monitor,) = running.replicas("monitor")
            running.kill(monitor)
            before_kill = total(running)
            until(
                lambda least=before_kill + 100: total(running) > least,
                timeout_s=90,
                what="a monitor that goes on",
            )
    report = load.report
    assert report.failed == 0
    assert report.ok > 100
    until(
        lambda: total(running) == before + report.ok,
        timeout_s=60,
        what=f"{report.ok} records after {before}",
    )


def test_drift_is_said_once_a_window_was_judged(running):
    def judged():
        return json.loads(running.run("monitor", "drift", ENDPOINT, "--json"))

    (one,) = until(judged, timeout_s=180, what="a judged window")
    assert (one["endpoint"], one["version"], one["window_s"]) == (ENDPOINT, "area@1", 60)
    assert {feature["name"] for feature in one["features"]} == {"height", "width"}
    assert ENDPOINT in running.run("monitor", "drift")
    status = json.loads(running.run("status", "--json"))
    assert status["failing"] == []


def test_a_report_is_a_page_of_all_that_was_seen(running):
    ask(running, range(200, 205))

    def counted():
        body = json.loads(running.run("monitor", "report", ENDPOINT, "--since", "1h", "--json"))
        return body if body["sections"] and body["sections"][0]["rows"] >= 5 else None

    body = until(counted, timeout_s=60, what="rows in a report")
    (section,) = body["sections"]
    assert (body["schema"], section["endpoint"], section["variants"]) == (1, ENDPOINT, "area@1")
    assert {one["name"] for one in section["drift"]["features"]} >= {"height", "width"}
    assert body["health"]["failing"] == []
    assert "report.html" in running.run("monitor", "report", "--out", "report.html")
    page = (running.home / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "height" in page
    assert json.loads(running.run("monitor", "findings", "--json")) == []


def test_concept_drift_and_estimates_are_said_by_the_running_monitor(running):
    (one,) = json.loads(running.run("monitor", "concept", ENDPOINT, "--json"))
    assert one["detectors"] == ["adwin", "page_hinkley"]
    assert one["not_watched"] is None
    assert one["changes"] == []
    assert ENDPOINT in running.run("monitor", "concept")

    def estimated():
        return json.loads(running.run("monitor", "estimate", ENDPOINT, "--json"))

    (version,) = until(estimated, timeout_s=120, what="counted rows")
    assert version["version"] == "area@1"
    assert "register it with its target" in version["not_estimated"]
    assert "not estimated" in running.run("monitor", "estimate")
