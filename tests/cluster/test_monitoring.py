"""`serve-app monitor`, with a real Prometheus that scrapes a real cluster."""

import json
import os
import re
import shutil
import urllib.parse
from urllib.error import HTTPError

import psutil
import pytest

from serve_app.cluster.node import Cluster
from serve_app.monitoring.catalogue import metrics
from serve_app.monitoring.dashboard.board import dashboard
from tests.cluster.harness import PAST_PROXIES, config, free_row, until
from tests.promql import SCRAPED, metric_names, recorded, rules, scraped, selectors

HEADER = """\
# The names of metrics of {who} as they are scraped, ours left out.
# Made from a running cluster that was asked a few rows; made anew by
#   GOLDEN=write .venv/bin/python -m pytest -m cluster tests/cluster/test_monitoring.py
"""
MADE_UP = 300
# It appears with the first series that is refused.
NEVER_HERE = {"ray_serve_app_refused_series_total"}
# What the monitor knows after its first windows, after labels, and once something is wrong, and
# what only bandits and runs of training have, of which there is none here; with these,
# expressions are evaluated in tests/unit/monitoring and by promtool.
LATER = {
    "ray_serve_app_adversarial_suspicion",
    "ray_serve_app_attribution_ndcg",
    "ray_serve_app_bandit_decisions",
    "ray_serve_app_bandit_reward_mean",
    "ray_serve_app_bandit_share_ratio",
    "ray_serve_app_concept_drift_detected_total",
    "ray_serve_app_data_anomalies",
    "ray_serve_app_distinct_row_alarms_total",
    "ray_serve_app_domain_auc",
    "ray_serve_app_drift_alarms",
    "ray_serve_app_estimated_metric",
    "ray_serve_app_feature_alarm",
    "ray_serve_app_feature_drift_score",
    "ray_serve_app_feature_ratio",
    "ray_serve_app_features_drifted_ratio",
    "ray_serve_app_feedback_items",
    "ray_serve_app_findings",
    "ray_serve_app_judged_window_length_seconds",
    "ray_serve_app_judged_window_timestamp_seconds",
    "ray_serve_app_label_coverage_ratio",
    "ray_serve_app_label_delay_seconds",
    "ray_serve_app_multivariate_drift_score",
    "ray_serve_app_outlier_ratio",
    "ray_serve_app_prediction_drift_score",
    "ray_serve_app_realised_metric",
    "ray_serve_app_retraining_runs",
    "ray_serve_app_training_ended_timestamp_seconds",
    "ray_serve_app_training_seconds",
    "ray_serve_app_training_trials_total",
}


@pytest.fixture(scope="module")
def port():
    if shutil.which("prometheus") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no prometheus")
        pytest.skip("there is no prometheus; apt-get download prometheus, and put it on the PATH")
    return free_row(1, above=28_000)


@pytest.fixture(scope="module")
def watched(cluster, port):
    """A cluster that was asked this and that, and Prometheus that has seen it."""
    cluster.start("--prometheus-port", str(port))
    cluster.deploy(config("local"))
    ask(cluster)
    printed = json.loads(cluster.run("monitor", "up", "--json"))
    assert printed["prometheus"] == f"http://127.0.0.1:{port}"
    seen = 'min(count_over_time(ray_serve_app_requests_total{outcome="answered"}[5m])) >= 3'
    until(lambda: ask(cluster) and query(port, seen), timeout_s=150, what="three scrapes")
    written = sorted(recorded())
    until(lambda: all(query(port, one) for one in written), timeout_s=90, what="recordings")
    return cluster


def ask(cluster):
    """A few rows of every endpoint, and what no endpoint answers."""
    examples = cluster.request("/openapi.json").json()["paths"]
    for endpoint in ("diagnosis", "diagnosis-ensemble", "progression"):
        content = examples[f"/v1/models/{endpoint}:predict"]["post"]["requestBody"]["content"]
        answer = cluster.request(
            f"/v1/models/{endpoint}:predict", content["application/json"]["example"]
        )
        assert answer.status == 200, answer.content
    assert cluster.request("/v1/models/diagnosis:predict", {"instances": [{}]}).status == 400
    return True


def query(port, expression):
    """The series that an expression gives."""
    given = urllib.parse.urlencode({"query": expression})
    try:
        with PAST_PROXIES.open(f"http://127.0.0.1:{port}/api/v1/query?{given}") as answer:
            return json.load(answer)["data"]["result"]
    except HTTPError as error:
        pytest.fail(f"{expression}: {error.read().decode()}")


def names(port):
    """The names of all metrics that Prometheus has seen."""
    with PAST_PROXIES.open(f"http://127.0.0.1:{port}/api/v1/label/__name__/values") as answer:
        return set(json.load(answer)["data"])


def chosen(expression):
    """An expression of a panel as Grafana would send it with everything chosen."""
    return expression.replace("$__rate_interval", "1m").replace("$endpoint", ".*")


PANELS = [
    (panel["title"], target["expr"])
    for panel in dashboard()["panels"]
    for target in panel.get("targets", ())
]


def test_every_expression_of_every_panel_gives_data(watched, port):
    empty = [
        (title, expression)
        for title, expression in PANELS
        if not query(port, chosen(expression)) and not metric_names(expression) & LATER
    ]
    assert not empty
    (note,) = dashboard()["annotations"]["list"]
    assert all(query(port, one) for one in metric_names(note["expr"]))


def test_every_rule_works_on_what_is_really_there(watched, port):
    for rule in rules():
        if "record" in rule:
            assert query(port, rule["expr"]), rule["record"]
        else:
            for one in selectors(rule["expr"]) - NEVER_HERE:
                assert query(port, one) or metric_names(one) & LATER, (rule["alert"], one)


def test_prometheus_takes_all_rules_and_no_alert_fires_that_should_not(watched, port):
    with PAST_PROXIES.open(f"http://127.0.0.1:{port}/api/v1/rules") as answer:
        loaded = [rule for one in json.load(answer)["data"]["groups"] for rule in one["rules"]]
    assert len(loaded) == len(rules())
    assert not [rule for rule in loaded if rule.get("lastError")]
    status = json.loads(watched.run("monitor", "status", "--json"))
    assert {one["job"] for one in status["targets"]} == {"ray", "haproxy", "prometheus"}
    assert {one["health"] for one in status["targets"]} == {"up"}
    assert not [one for one in status["alerts"] if one["state"] == "firing"]


def test_metrics_of_ours_are_exported_under_the_names_that_the_catalogue_gives(watched, port):
    exported = {one.exported for one in metrics()}
    live = {name for name in names(port) if name.startswith("ray_serve_app_")}
    assert live <= exported
    used = set().union(*(metric_names(chosen(expression)) for _, expression in PANELS))
    used |= set().union(*(metric_names(rule["expr"]) for rule in rules()))
    assert (used & exported) - NEVER_HERE - LATER <= live
    assert not query(port, "ray_serve_app_refused_series_total > 0")


def test_counts_stand_at_zero_before_they_grow(watched, port):
    zero = 'ray_serve_app_requests_total{endpoint="progression",outcome="model_failed"}'
    (series,) = query(port, zero)
    assert float(series["value"][1]) == 0
    bins = 'count by (endpoint) (ray_serve_app_request_seconds_bucket_total{endpoint="diagnosis"})'
    assert query(port, bins)[0]["value"][1] == "15"


def test_names_that_strangers_make_up_never_become_series(watched, port):
    for number in range(MADE_UP):
        path = f"/v1/models/made-up-{number}:predict"
        assert watched.request(path, {"instances": [{}]}).status == 404
    late = f'ray_serve_app_responses_total{{status="4xx"}} >= {MADE_UP}'
    until(lambda: query(port, late), timeout_s=60, what="the refusals counted")
    # Ray's own dashboard calls its pages endpoints too.
    every = query(port, '{__name__=~"ray_serve_.+",endpoint!=""}')
    endpoints = {one["metric"]["endpoint"] for one in every}
    assert endpoints == {"diagnosis", "diagnosis-ensemble", "progression"}
    routes = {one["metric"]["route"] for one in query(port, '{__name__=~".+",route!=""}')}
    assert not [route for route in routes if "made-up" in route]


def test_what_ray_and_haproxy_export_is_what_was_written_down(watched, port):
    live = names(port)
    if os.environ.get("GOLDEN") == "write":
        for job in ("ray", "haproxy"):
            of_job = {name for name in live if name.startswith(f"{job}_")}
            lines = sorted(of_job - {one.exported for one in metrics()})
            (SCRAPED / f"{job}.txt").write_text(HEADER.format(who=job) + "\n".join(lines) + "\n")
    used = set().union(*(metric_names(chosen(expression)) for _, expression in PANELS))
    used |= set().union(*(metric_names(rule["expr"]) for rule in rules()))
    assert used & scraped("ray") <= live
    assert used & scraped("haproxy") <= live


def test_the_bins_of_ray_end_where_ours_do(watched, port):
    bins = query(port, "count by (le) (ray_serve_deployment_processing_latency_ms_bucket)")
    bounds = {one["metric"]["le"] for one in bins}
    assert {"0.5", "25.0", "100.0", "+Inf"} <= bounds
    assert len(bounds) < 16


def test_rays_dashboard_finds_prometheus(watched):
    assert watched.dashboard("/api/prometheus_health")["result"] is True


def test_only_this_machine_reaches_it(watched, port):
    listening = {
        connection.laddr.ip
        for process in Cluster(watched.home / "state").processes()
        if process.name() == "prometheus"
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_it_says_where_grafana_is_to_be_had(watched):
    printed = watched.run("monitor", "up")
    if shutil.which("grafana") is None and shutil.which("grafana-server") is None:
        assert re.search(r"Grafana +is not installed; install it, or import \S+ into one", printed)


def test_a_taken_port_is_named(watched, port):
    watched.run("monitor", "down")
    said = watched.run("monitor", "up", "--prometheus-port", str(watched.http_port), code=1)
    assert f"port {watched.http_port} (Prometheus) is taken by process" in said
    assert "--prometheus-port" in said
    watched.run("monitor", "status", code=1)


def test_what_stops_the_cluster_stops_prometheus_and_metrics_stay(watched, port):
    watched.run("monitor", "up")
    processes = Cluster(watched.home / "state").processes()
    (prometheus,) = [one for one in processes if one.name() == "prometheus"]
    watched.run("cluster", "stop")
    assert not prometheus.is_running()
    assert (watched.home / "state" / "monitor" / "prometheus" / "data").is_dir()
    said = watched.run("monitor", "up", code=1)
    assert "serve-app cluster start" in said
