"""Mistakes that people make in manifests are found, by line, with what was meant."""

import re

import pytest
import yaml

from serve_app.documents.finding import Finding
from serve_app.platforms.kubernetes.checks import (
    RULES,
    findings,
    recognised,
    values_findings,
    values_recognised,
)
from tests.unit.platforms.kubernetes.installations import CHART, IMAGE, PLAIN

FILES = {path.stem: path.read_text() for path in PLAIN.glob("*.yaml")}
PRODUCTION = FILES["production"]


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_wrong_with_what_is_committed(name):
    assert findings(FILES[name]) == []
    assert values_findings((CHART / f"ci/{name}-values.yaml").read_text()) == []


SPREAD = """labelSelector:
                  matchLabels:
                    app.kubernetes.io/name"""
# What is put in place of what, in the file for production; the line it stands in afterwards; words.
PLANTED = {
    "a field of the service": (
        "excludeHeadPodFromServeSvc:", "excludeHeadFromServeSvc:", "'excludeHeadPodFromServeSvc'"),
    "a field of the cluster": (
        "enableInTreeAutoscaling:", "enableIntreeAutoscaler:", "'enableInTreeAutoscaling'"),
    "a field of a group": ("minReplicas: 2", "minReplica: 2", "'minReplicas'"),
    "a field of a pod": (
        "terminationGracePeriodSeconds: 115", "terminationGracePeriod: 115",
        "'terminationGracePeriodSeconds'"),
    "a field of a container": ("livenessProbe:", "livenesProbe:", "'livenessProbe'"),
    "a field of a probe": ("failureThreshold: 36", "failureTreshold: 36", "'failureThreshold'"),
    "a field of a volume": ("sizeLimit: 512Mi", "sizelimit: 512Mi", "'sizeLimit'"),
    "a field of its rights": ("runAsNonRoot:", "runAsNonroot:", "'runAsNonRoot'"),
    "a field of the autoscaler": (
        "idleTimeoutSeconds: 300", "idleTimeoutSecond: 300", "'idleTimeoutSeconds'"),
    "a variable": (
        "name: RAY_SERVE_ENABLE_HA_PROXY", "name: RAY_SERVE_ENABLE_HAPROXY",
        "'RAY_SERVE_ENABLE_HA_PROXY'"),
    "an option of ray start": ("metrics-export-port:", "metric-export-port:",
                               "'metrics-export-port'"),
    "a resource": ("memory: 8Gi", "memroy: 8Gi", "Did you mean 'memory'?"),
    "a short resource": ("cpu: '4'", "cup: '4'", "Did you mean 'cpu'?"),
    "a unit": ("memory: 8Gi", "memory: 8gb",
               "'8gb' is not an amount of bytes, such as 512Mi or 4Gi. Did you mean '8Gi'?"),
    "a thousandth of a byte": ("memory: 8Gi", "memory: 512m", "Did you mean '512Mi'?"),
    "a unit of processors": ("cpu: '4'", "cpu: 4Gi", "is not a number of processors"),
    "a unit of a volume": ("sizeLimit: 512Mi", "sizeLimit: 512 MB", "Did you mean '512Mi'?"),
    "whom pods are spread from": (f"{SPREAD}: serve-app", f"{SPREAD}: serv-app",
                                  "Did you mean 'serve-app'?"),
    "a number in text": ("maxReplicas: 8\n", "maxReplicas: eight\n",
                         "not of type 'integer'"),
    "a number where text is": ("value: '8404'", "value: 8404", "not of type 'string'"),
    "a value that is none": ("mode: token", "mode: tokens", "not one of"),
    "a key that stands twice": (
        "rayVersion: 2.60.0\n", "rayVersion: 2.60.0\n    rayVersion: 2.60.0\n", "stands twice"),
    "a moving tag": (f"image: {IMAGE}", "image: serve-app:latest", "has no digest"),
    "another image": (f"image: {IMAGE}", f"image: {IMAGE[:-1]}1", "all nodes run one image"),
    "another Ray": ("rayVersion: 2.60.0", "rayVersion: 2.59.0", "runs on Ray 2.60.0"),
    "a longer name": ("\n  name: serve-app\n  labels", "\n  name: Serve_App\n  labels",
                      "cannot name a RayService"),
    "more than there may be": ("minReplicas: 2\n", "minReplicas: 9\n", "more than maxReplicas, 8"),
    "a container that starts again": (
        "shareProcessNamespace: true", "restartPolicy: Always", "with autoscaler v2 it is Never"),
    "an upgrade that is none": ("type: NewCluster", "type: NewClusters", "'NewCluster'"),
    "a part behind a gate": ("rayVersion: 2.60.0\n", "rayVersion: 2.60.0\n    tlsOptions: {}\n",
                             "feature gate RayClusterMTLS"),
    "what is deprecated": (
        "excludeHeadPod", "serviceUnhealthySecondThreshold: 9\n  excludeHeadPod", "deprecated"),
    "a former version": ("apiVersion: ray.io/v1\n", "apiVersion: ray.io/v1alpha1\n",
                         "write ray.io/v1"),
    "too short a grace": ("terminationGracePeriodSeconds: 115",
                          "terminationGracePeriodSeconds: 30", "ending takes up to"),
    "a probe behind clients": (
        "path: /-/healthz", "path: /v1/endpoints", "waits behind clients"),
    "rights that stay": ("seccompProfile:", "seccompProfil:", "seccompProfile.type"),
    "half a processor": ("cpu: '4'", "cpu: 500m", "whole number"),
    "a password": ("name: RAY_SERVE_ENABLE_HA_PROXY", "name: DB_PASSWORD",
                   "valueFrom.secretKeyRef"),
    "a password in a URL": ("serve@postgres", "serve:hunter2@postgres", "a password in a URL"),
    "a line break": ("groupName: serving", 'groupName: "a\\nb"', "line break"),
    "a model on the head": ("num-cpus: '0'", "num-cpus: '4'", "no model runs there"),
    "a loopback": ("host: 0.0.0.0", "host: 127.0.0.1", "http_options"),
    "pip": ("num_cpus: 0.5\n", "num_cpus: 0.5\n              runtime_env: {pip: [x]}\n",
            "put it into the image"),
}  # fmt: skip


def planted(name):
    before, after, words = PLANTED[name]
    assert before in PRODUCTION, name
    text = PRODUCTION.replace(before, after, 1)
    pairs = zip(PRODUCTION.splitlines(), text.splitlines(), strict=False)
    line = next(index for index, (one, other) in enumerate(pairs, 1) if one != other)
    return text, line, words


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(name):
    text, _, words = planted(name)
    assert any(words in one.message for one in findings(text)), findings(text)


ABOVE = {
    # These are complained of at the place that lacks something, or at the first of two.
    "a model on the head", "rights that stay", "a key that stands twice", "another image",
    "a loopback", "a password",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PLANTED if name not in ABOVE])
def test_it_is_found_where_it_stands(name):
    text, line, words = planted(name)
    assert line in [one.line for one in findings(text) if words in one.message], findings(text)


def test_what_is_served_is_checked_by_its_lines_in_the_file():
    def check(config):
        line = config.splitlines().index("logging_config:") + 1
        return [Finding(line, "logging_config", "is wrong")]

    (one,) = findings(PRODUCTION, check)
    assert PRODUCTION.splitlines()[one.line - 1].strip() == "logging_config:"
    assert one.key == "spec.serveConfigV2: logging_config"


def test_what_is_served_in_quotes_has_the_line_of_its_key():
    text = 'serveConfigV2: "a: 1\\nb: 2\\n"\n'
    (one,) = values_findings(text, lambda _: [Finding(2, "b", "is wrong")])
    assert one.line == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("workers:\n  maxReplica: 3\n", "Did you mean 'maxReplicas'?"),
        ("worker:\n  maxReplicas: 3\nrayVersion: 2.60.0\n", "Did you mean 'workers'?"),
        ("image: serve-app:latest\n", "does not match"),
        ("workers:\n  memory: 4gb\n", "Did you mean '4Gi'?"),
        ("drainSeconds: long\n", "not of type 'integer'"),
        ('priorityClassName: "a\\nb"\n', "does not match"),
        ("drainSeconds: 3\ndrainSeconds: 4\n", "stands twice"),
    ],
)
def test_mistakes_in_values_are_found(text, words):
    (one,) = values_findings(text)
    assert words in one.message
    assert one.line >= 1


def test_values_may_be_a_part():
    assert values_findings("workers:\n  maxReplicas: 3\n") == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("maxUnavailable:", "maxUnavailble:", "'maxUnavailable'"),
        ("policyTypes:", "policyType:", "'policyTypes'"),
        ("  podSelector:", "  podSelecter:", "'podSelector'"),
        ("namespaceSelector:", "namespaceSelctor:", "'namespaceSelector'"),
        ("podMetricsEndpoints:", "podMetricEndpoints:", "'podMetricsEndpoints'"),
        ("pathType: Prefix", "pathType: Prefixes", "Did you mean 'Prefix'?"),
        ("sourceLabels:", "sourceLabel:", "'sourceLabels'"),
        ("targetLabel:", "targetLabl:", "'targetLabel'"),
        ("          targetLabel: ray_io_group", "          action: repalce", "'replace'"),
        ("port: proxy-metrics", "port: proxy-metric", "Did you mean 'proxy-metrics'?"),
        ("name: serve-app-serve-svc", "name: serve-app-srve-svc", "'serve-app-serve-svc'"),
        ("kind: NetworkPolicy", "kind: NetworkPolcy", "'NetworkPolicy'"),
        ("kind: RayService", "kind: RayServce", "'RayService'"),
        ("\nkind: RayService", "\nkinds: RayService", "Did you mean 'kind'?"),
        ("\napiVersion: ray.io/v1", "\napiVersoin: ray.io/v1", "Did you mean 'apiVersion'?"),
    ],
)
def test_mistakes_in_what_stands_around_are_found(before, after, words):
    assert before in PRODUCTION
    said = [one.message for one in findings(PRODUCTION.replace(before, after, 1))]
    assert any(words in one for one in said), said


@pytest.mark.parametrize("kind", ["PodDisruptionBudget", "NetworkPolicy", "PodMonitor"])
@pytest.mark.parametrize(
    ("before", "after", "meant"),
    [
        ("/name: serve-app", "/name: serve-ap", "serve-app"),
        ("/instance: serve", "/instanse: serve", "app.kubernetes.io/instance"),
    ],
)
def test_a_selector_that_selects_nothing_is_found_where_it_stands(kind, before, after, meant):
    head, _, rest = PRODUCTION.partition(f"kind: {kind}\n")
    above, _, selector = rest.partition("elector:\n")
    text = f"{head}kind: {kind}\n{above}elector:\n{selector.replace(before, after, 1)}"
    said = [(one.line, one.message) for one in findings(text)]
    pairs = zip(PRODUCTION.splitlines(), text.splitlines(), strict=True)
    line = next(index for index, (one, other) in enumerate(pairs, 1) if one != other)
    assert [one for one, words in said if f"Did you mean {meant!r}?" in words] == [line], said


def test_what_stands_beside_for_other_pods_is_left_alone():
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "postgres"},
        "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "postgres"}}},
    }
    assert findings(f"{PRODUCTION}---\n{yaml.safe_dump(budget)}") == []


CLOUD_RUN_AS_IT_IS = (PLAIN.parent / "serverless/cloud-run/service.yaml").read_text()
CLOUD_RUN = re.sub(
    r"image: FILL_IN\S+", f"image: eu.example.com/edge@sha256:{'0' * 64}", CLOUD_RUN_AS_IT_IS
)
BESIDE = """apiVersion: apps/v1
kind: Deployment
metadata: {name: edge}
spec:
  selector: {matchLabels: {app: edge}}
  template:
    metadata: {labels: {app: edge}}
    spec:
      containers: [{name: edge, image: edge, resources: {limits: {memory: 256Mi}}}]
---
apiVersion: v1
kind: Service
metadata: {name: edge}
spec:
  selector: {app: edge}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: edge}
spec:
  supportedModelFormats: [{name: serve-app, autoSelect: true}]
  containers: [{name: kserve-container, image: edge}]
"""


@pytest.mark.parametrize(
    ("text", "before", "after", "words"),
    [
        (CLOUD_RUN, "containerConcurrency:", "containerConcurency:", "'containerConcurrency'"),
        (CLOUD_RUN, "startupProbe:", "startupProb:", "'startupProbe'"),
        (CLOUD_RUN, "memory: 512Mi", "memory: 512MB", "Did you mean '512Mi'?"),
        (CLOUD_RUN, "dev/minScale", "dev/minScales", "Did you mean 'minScale'?"),
        (CLOUD_RUN, "/cpu-throttling", "/cpu-throtling", "Did you mean 'cpu-throttling'?"),
        (CLOUD_RUN, "run.googleapis.com/ingress", "run.googleapi.com/ingress",
         "Did you mean 'run.googleapis.com/'?"),
        (CLOUD_RUN, "name: SERVE_APP_MODEL", "name: SERVE_APP_MODLE", "'SERVE_APP_MODEL'"),
        (CLOUD_RUN, "name: SERVE_APP_MODEL", "name: API_KEY", "API_KEY is a secret"),
        (CLOUD_RUN, f"@sha256:{'0' * 64}", ":latest", "by its digest"),
        (CLOUD_RUN, "eu.example.com", "FILL_IN_REGION", "is to be filled in"),
        (CLOUD_RUN, "value: churn@1", "value: AKIAABCDEFGHIJKLMNOP", "holds a key"),
        (CLOUD_RUN, "value: churn@1", 'value: "a\\nb"', "line break"),
        (CLOUD_RUN, "timeoutSeconds: 30", "timeoutSeconds: 9999", "the maximum of 3600"),
        (CLOUD_RUN, "containerConcurrency: 80", "containerConcurrency: -1", "minimum of 0"),
        (CLOUD_RUN, "name: http1", "name: http", "write http1"),
        (CLOUD_RUN, "containerPort: 8080", "containerPort: 80800", "maximum of 65535"),
        (CLOUD_RUN, 'maxScale: "10"', 'maxScale: "ten"', "no number of instances"),
        (CLOUD_RUN, "gen2", "gen3", "gen1, gen2"),
        (CLOUD_RUN, 'cpu-throttling: "false"', 'cpu-throttling: "no"', "true, false"),
        (CLOUD_RUN, "internal-and-cloud-load-balancing", "internal-and-cloud-loadbalancing",
         "Did you mean 'internal-and-cloud-load-balancing'?"),
        (CLOUD_RUN, "path: /v2/health/ready", "path: /v2/helth/ready", "'/v2/health/ready'"),
        (CLOUD_RUN, 'args: ["run"]', 'args: ["rnu"]', "Did you mean 'run'?"),
        (CLOUD_RUN, "kind: Service", "kind: Servcie", "Did you mean 'Service'?"),
        (CLOUD_RUN, "serving.knative.dev/v1", "serving.knativ.dev/v1",
         "Did you mean 'serving.knative.dev/v1'?"),
        (CLOUD_RUN, "serving.knative.dev/v1", "serving.knative.dev/v2",
         "write serving.knative.dev/v1"),
        (BESIDE, "apiVersion: apps/v1", "apiVersion: apps/v1beta1", "write apps/v1"),
        (BESIDE, "port: 80,", "port: 800000,", "maximum of 65535"),
        (BESIDE, "containers:", "container:", "'containers'"),
        (BESIDE, "memory: 256Mi", "memroy: 256Mi", "'memory'"),
        (BESIDE, "targetPort:", "targetport:", "'targetPort'"),
        (BESIDE, "autoSelect:", "autoselect:", "'autoSelect'"),
    ],
)  # fmt: skip
def test_mistakes_in_what_runs_beside_ray_are_found(text, before, after, words):
    assert findings(text) == []
    broken = text.replace(before, after, 1)
    line = broken[: broken.index(after)].count("\n") + 1
    said = findings(broken)
    assert line in [one.line for one in said if words in one.message], said


def test_what_is_to_be_filled_in_for_cloud_run_is_said():
    said = findings(CLOUD_RUN_AS_IT_IS)
    assert {one.message for one in said} == {
        f"FILL_IN_{one} is to be filled in" for one in ("REGION", "PROJECT", "DIGEST")
    }


IN_A_SERVICE = {
    "a pull policy": ("imagePullPolicy: IfNotPresent", "imagePullPolicy: IfNotPresnt",
                      "Did you mean 'IfNotPresent'?"),
    "a profile": ("type: RuntimeDefault", "type: RuntimeDefalt", "Did you mean 'RuntimeDefault'?"),
    "a medium's case": ("medium: Memory", "medium: memory", "Did you mean 'Memory'?"),
    "a protocol's case": ("protocol: TCP", "protocol: tcp", "Did you mean 'TCP'?"),
    "a port too high": ("containerPort: 8265", "containerPort: 82650", "maximum of 65535"),
    "a port's name": ("name: dashboard", "name: Dashboard_Port", "a port's name"),
    "another port of the proxy": ("containerPort: 8000", "containerPort: 8001",
                                  "what answers is at 8000"),
    "a probe's port": ("port: 52365", "port: 52356", "ask 52365"),
    "a probe's pause": ("periodSeconds: 5", "periodSeconds: 0", "minimum of 1"),
    "root": ("runAsUser: 10001", "runAsUser: 0", "is root"),
    "a label of machines": ("topologyKey: topology.kubernetes.io/zone",
                            "topologyKey: topology.kubernetes.io/zones",
                            "Did you mean 'topology.kubernetes.io/zone'?"),
    "a former version": ("apiVersion: policy/v1", "apiVersion: policy/v1beta1", "write policy/v1"),
    "a share": ("maxUnavailable: 1", "maxUnavailable: one", "a whole number, or a share"),
    "a variable": ("name: PGPASSWORD", "name: SERVE_APP_KEY_FILE", "'SERVE_APP_KEYS_FILE'"),
    "a place to fill in": ("redis:6379", "FILL_IN_REDIS:6379", "is to be filled in"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", IN_A_SERVICE)
def test_a_value_that_nothing_takes_is_found_in_its_line(mistake):
    right, wrong, words = IN_A_SERVICE[mistake]
    assert right in PRODUCTION
    text = PRODUCTION.replace(right, wrong, 1)
    line = PRODUCTION[: PRODUCTION.index(right)].count("\n") + 1
    found = findings(text)
    assert [one for one in found if words in one.message and abs(one.line - line) <= 1], found


def test_values_of_the_chart_say_which_ray_images_have():
    text = (CHART / "ci/production-values.yaml").read_text()
    (one,) = values_findings(text.replace("rayVersion: 2.60.0", "rayVersion: 2.58.0"))
    assert (one.line, one.key) == (2, "rayVersion")
    assert "runs on Ray 2.60.0" in one.message


def test_a_kind_of_others_that_is_named_alike_is_left_alone():
    assert findings("apiVersion: example.com/v1\nkind: Service\nspec: {anything: 1}\n") == []


def test_a_cluster_alone_is_looked_through_as_that_of_a_service_is(production):
    cluster = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": production["metadata"],
        "spec": production["spec"]["rayClusterConfig"],
    }
    assert findings(yaml.safe_dump(cluster)) == []
    cluster["spec"] = {**cluster["spec"], "rayVersion": "2.59.0", "enableInTreeAutoscalin": True}
    cluster["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["image"] = "a:b"
    said = {one.key: one.message for one in findings(yaml.safe_dump(cluster))}
    assert "runs on Ray 2.60.0" in said["spec.rayVersion"]
    assert "'enableInTreeAutoscaling'" in said["spec.enableInTreeAutoscalin"]
    place = "spec.workerGroupSpecs[0].template.spec.containers[0].image"
    assert "has no digest" in said[place]


@pytest.mark.parametrize("check", [findings, values_findings])
def test_what_is_no_yaml_is_said_with_its_line(check):
    (one,) = check("a: 1\nb: [\n")
    assert one.line >= 2
    assert one.key == "YAML"


def test_a_secret_in_a_file_is_none():
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {a: b}\n"
    (one,) = findings(text)
    assert one.line == 2
    assert "not in a file" in one.message


def test_kinds_are_told_by_what_is_in_them():
    assert recognised({"apiVersion": "v1", "kind": "Service"})
    assert not recognised({"applications": []})
    assert values_recognised({"serveConfigV2": "x"})
    assert values_recognised({"workers": {}, "head": {}})
    assert not values_recognised({"applications": [], "workers": {}})
    assert not values_recognised({"cluster_name": "x", "provider": {}})
    assert not values_recognised([])
    assert not values_recognised({})


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_says_why(rule):
    assert rule.__doc__


@pytest.mark.parametrize(
    "text",
    [
        "",
        "metadata: []\nspec: 3\n",
        "spec: {serveConfigV2: 3, rayClusterConfig: []}",
        "spec: {rayClusterConfig: {headGroupSpec: {template: {spec: {containers: [x]}}}}}",
        "spec: {rayClusterConfig: {workerGroupSpecs: [1, {}]}, serveConfigV2: 'a: ['}",
        "spec: {serveConfigV2: {applications: [1]}}",
    ],
)
def test_shapes_that_nobody_expects_are_findings_and_no_crash(text):
    assert findings(f"apiVersion: ray.io/v1\nkind: RayService\n{text}")


def test_a_document_without_a_kind_is_none():
    (one,) = findings("a: 1\n")
    assert "lacks 'apiVersion' and 'kind'" in one.message
