"""Rules of Prometheus: what they name exists, and each is tested by promtool."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from serve_app.monitoring.counting import outages
from serve_app.monitoring.histogram import BOUNDS_S
from tests.promql import PROMETHEUS, known, metric_names, rules, selectors

ALERTS = sorted({rule["alert"] for rule in rules() if "alert" in rule})
TESTS = sorted((PROMETHEUS / "tests").iterdir())
BUDGETS = {"AvailabilityBudgetBurning": "0.001", "LatencyBudgetBurning": "0.01"}
WINDOWS = {
    "1h": ("5m", "14.4", "page"),
    "6h": ("30m", "6", "page"),
    "1d": ("2h", "3", "ticket"),
    "3d": ("6h", "1", "ticket"),
}
"""Of the Google workbook, for a budget of 30 days: the short window, the burn rate, who is told."""


@pytest.fixture
def promtool():
    path = shutil.which("promtool")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no promtool")
        pytest.skip("there is no promtool; apt-get download prometheus, and put it on the PATH")
    return path


def run(*line):
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout + done.stderr


def test_promtool_takes_the_rules_and_the_configuration(promtool):
    code, printed = run(promtool, "check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert code == 0, printed
    for path in (PROMETHEUS / "rules").iterdir():
        assert str(path) in printed


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_promtool_finds_that_rules_do_what_their_tests_say(promtool, path):
    code, printed = run(promtool, "test", "rules", str(path))
    assert code == 0, printed


def cases(alert):
    bodies = [yaml.safe_load(path.read_text()) for path in TESTS]
    names = [test["name"] for body in bodies for test in body["tests"]]
    return [name.removeprefix(f"{alert}: ") for name in names if name.startswith(f"{alert}: ")]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_to_fire_and_not_to(alert):
    names = cases(alert)
    for kind in ("fires", "does not fire", "just under", "no data"):
        assert any(name.startswith(kind) for name in names), f"{alert} lacks: {kind}"
    counts = [rule["expr"] for rule in rules() if rule.get("alert") == alert]
    derived = [r["expr"] for r in rules() if r.get("record") in metric_names(" ".join(counts))]
    if re.search(r"\b(rate|increase)\(", " ".join([*counts, *derived])):
        assert any(name.startswith("counter reset") for name in names), f"{alert} lacks a reset"


def test_every_recording_is_tested():
    tested = " ".join(path.read_text() for path in TESTS)
    assert all(rule["record"] in tested for rule in rules() if "record" in rule)


def test_every_metric_that_a_rule_names_exists():
    for rule in rules():
        names = metric_names(rule["expr"])
        assert names, rule
        assert names <= known(), rule.get("alert") or rule.get("record")


@pytest.mark.parametrize("alert", BUDGETS)
def test_budgets_burn_in_the_windows_of_the_workbook(alert):
    burning = {rule["labels"]["window"]: rule for rule in rules() if rule.get("alert") == alert}
    assert set(burning) == set(WINDOWS)
    for long, (short, burn, severity) in WINDOWS.items():
        rule, limit = burning[long], f"> {burn} * {BUDGETS[alert]}"
        assert rule["labels"]["severity"] == severity
        both = re.findall(rf"ratio_rate(\w+) {re.escape(limit)}\n", rule["expr"])
        assert both == [long, short]
        assert f"[{long}])) > " in rule["expr"]


def test_what_fails_are_the_outcomes_that_are_faults_of_this_side():
    used = {
        frozenset(outcomes.split("|"))
        for rule in rules()
        for outcomes in re.findall(r'outcome=~"([^"]+)"', rule["expr"])
    }
    assert used == {outages(), outages() | {"answered", "fallback"}}


def test_promised_latencies_are_bounds_of_the_bins():
    bounds = {le for rule in rules() for le in re.findall(r'le="([^"]+)"', rule["expr"])}
    assert bounds
    assert bounds <= {f"{bound:g}" for bound in BOUNDS_S}


def test_every_alert_says_who_is_told_and_what_to_read():
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
            assert rule["annotations"]["summary"]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le) (rate(a_total{b="c"}[5m])) > 0', {"a_total"}),
        ("1 - a:b:c / on (x) group_left (y) d * 2e3", {"a:b:c", "d"}),
        ("histogram_quantile(0.99, sum(rate(x_bucket[1h] offset 5m)))", {"x_bucket"}),
        ('time() - min(a) unless b or absent(up{job="ray"})', {"a", "b", "up"}),
    ],
)
def test_names_of_metrics_are_read_out_of_expressions(expression, names):
    assert metric_names(expression) == names


def test_selectors_keep_their_labels():
    assert selectors('rate(a_total{b="c"}[5m]) / d') == {'a_total{b="c"}', "d"}
