"""Containers find what `ray start` finds everywhere, but for what a pod has otherwise."""

from pathlib import Path

from serve_app.cluster.environment import Ports, variables
from serve_app.platforms.kubernetes.environment import environment, fixed, shared_environment
from serve_app.platforms.kubernetes.tree import Release, resolved

RELEASE = Release("churn", "Helm", {
    "drainSeconds": 45, "prometheusUrl": "http://prometheus:9090",
    "head": {"proxyThreads": 2},
    "database": {"enabled": True, "existingSecret": "db", "passwordKey": "word"},
})  # fmt: skip


def test_nothing_is_missing_but_what_the_operator_sets():
    known = variables(folder=Path("/x"), home=Path("/y"), ports=Ports(), drain_s=45.0)
    found = {
        one["name"] for one in resolved([*shared_environment(), *environment("head")], RELEASE)
    }
    # HAProxy shows no token there: who connects to it is a balancer.
    assert set(known) - found == {"RAY_AUTH_MODE", "SERVE_APP_EDGE_TOKEN_PATH"}
    assert found - set(known) == {"HOME", "PGPASSWORD"}


def test_serve_runs_haproxy_from_the_image():
    assert fixed()["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert fixed()["RAY_SERVE_HAPROXY_BINARY_PATH"] == "/opt/serve-app/app/haproxy.sh"
    assert fixed()["RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"].startswith("/tmp/serve-app/")
    assert fixed()["SERVE_APP_HOME"] == "/var/lib/serve-app"


def test_prometheus_reaches_haproxys_metrics_in_another_pod():
    # The launcher of the image keeps 9101 on loopback.
    assert fixed()["RAY_SERVE_HAPROXY_METRICS_PORT"] == "9102"


def test_values_say_the_drain_the_threads_and_the_secret():
    found = {
        one["name"]: one.get("value", one.get("valueFrom"))
        for one in resolved([*shared_environment(), *environment("head")], RELEASE)
    }
    assert found["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] == "45"
    assert found["RAY_PROMETHEUS_HOST"] == "http://prometheus:9090"
    assert found["RAY_SERVE_HAPROXY_NBTHREAD"] == "2"
    assert found["PGPASSWORD"] == {"secretKeyRef": {"name": "db", "key": "word"}}
