"""What stands around the RayService selects its pods, and lets in who has to."""

import yaml

from tests.unit.platforms.kubernetes.installations import PLAIN

BODIES = {
    (one["kind"], one["metadata"]["name"]): one
    for one in yaml.safe_load_all((PLAIN / "production.yaml").read_text())
}
CLUSTER = BODIES["RayService", "serve-app"]["spec"]["rayClusterConfig"]
LABELS = [
    CLUSTER["headGroupSpec"]["template"]["metadata"]["labels"],
    CLUSTER["workerGroupSpecs"][0]["template"]["metadata"]["labels"],
]


def selected(selector):
    wanted = selector["matchLabels"].items()
    return [wanted <= labels.items() for labels in LABELS]


def test_maintenance_takes_one_pod_that_serves():
    spec = BODIES["PodDisruptionBudget", "serve-app"]["spec"]
    assert spec["maxUnavailable"] == 1
    assert selected(spec["selector"]) == [False, True]


def test_the_policy_is_for_all_pods_and_nobody_reaches_the_ports_of_replicas():
    spec = BODIES["NetworkPolicy", "serve-app"]["spec"]
    assert selected(spec["podSelector"]) == [True, True]
    own, *others = spec["ingress"]
    assert selected(own["from"][0]["podSelector"]) == [True, True]
    assert "ports" not in own
    ports = {port["port"] for rule in others for port in rule["ports"]}
    assert ports == {8000, 8265, 8080, 9102}
    assert all(rule["from"] for rule in spec["ingress"])


def test_only_the_head_reaches_kubernetes():
    spec = BODIES["NetworkPolicy", "serve-app-head"]["spec"]
    assert selected(spec["podSelector"]) == [True, False]
    assert {port["port"] for port in spec["egress"][0]["ports"]} == {443, 6443}


def test_prometheus_reads_both_kinds_of_metrics_by_the_names_of_ports():
    spec = BODIES["PodMonitor", "serve-app"]["spec"]
    names = {one["port"] for one in spec["podMetricsEndpoints"]}
    container = CLUSTER["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert names < {one["name"] for one in container["ports"]}
    assert BODIES["PodMonitor", "serve-app"]["metadata"]["labels"]["release"] == "prometheus"


def test_the_ingress_leads_to_the_service_that_the_operator_makes():
    spec = BODIES["Ingress", "serve-app"]["spec"]
    ((path,),) = [rule["http"]["paths"] for rule in spec["rules"]]
    assert path["backend"]["service"] == {"name": "serve-app-serve-svc", "port": {"number": 8000}}
    assert spec["tls"] == [{"hosts": ["serve-app.example.com"], "secretName": "serve-app-tls"}]
