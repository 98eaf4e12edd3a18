"""What stands around the RayService: volumes, limits of disruption, networks, metrics, a way in."""

from __future__ import annotations

from serve_app.platforms.images.places import HTTP_PORT, KEYS_FILE, STATE
from serve_app.platforms.kubernetes.environment import PROXY_METRICS_PORT
from serve_app.platforms.kubernetes.labels import LABELS, metadata, pods
from serve_app.platforms.kubernetes.pods import (
    HEALTH,
    METRICS_PORT,
    POD_SECURITY,
    SECURITY,
)
from serve_app.platforms.kubernetes.tree import (
    Given,
    Named,
    Text,
    Tree,
    Value,
    Words,
)

_DASHBOARD_PORT = 8265
_RUN_PORT = 8080
_NAMESPACE = "kubernetes.io/metadata.name"


def state_claim() -> Tree:
    """The volume of the head with the SQLite database."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        Given("state.storageClassName"): {"storageClassName": Text("state.storageClassName")},
        "resources": {"requests": {"storage": Value("state.size")}},
    }
    # Helm leaves it where it is when the release goes: it holds what was counted and declared.
    kept = {"annotations": {"helm.sh/resource-policy": "keep"}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata("-state", **kept),
        "spec": spec,
    }


def disruption_budget() -> Tree:
    """Machines that are emptied for maintenance take one pod that serves at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(),
        "spec": {"maxUnavailable": 1, "selector": pods("worker")},
    }


def network_policy() -> Tree:
    """Who reaches the pods, and whom they reach.

    Replicas listen on ports from 30000 on, which nobody but the cluster itself may use.
    """
    own = {"podSelector": pods()}
    operator = {"namespaceSelector": _namespace("networkPolicy.operatorNamespace")}
    prometheus = {"namespaceSelector": _namespace("networkPolicy.prometheusNamespace")}
    names = [_port(53, "UDP"), _port(53)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(),
        "spec": {
            "podSelector": pods(),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": [own]},
                {"from": Value("networkPolicy.clients"), "ports": [_port(HTTP_PORT)]},
                {"from": [operator], "ports": [_port(_DASHBOARD_PORT), _port(HTTP_PORT)]},
                {"from": [prometheus], "ports": [_port(METRICS_PORT), _port(PROXY_METRICS_PORT)]},
            ],
            "egress": [
                {"to": [own]},
                {"ports": names},
                Given("networkPolicy.egress", ({"to": Value("networkPolicy.egress")},)),
            ],
        },
    }


def head_network_policy() -> Tree:
    """The head's autoscaler talks to Kubernetes, which no pod that serves has to reach."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata("-head"),
        "spec": {
            "podSelector": pods("head"),
            "policyTypes": ["Egress"],
            "egress": [{"ports": [_port(443), _port(6443)]}],
        },
    }


def _namespace(path: str) -> Tree:
    return {"matchLabels": {_NAMESPACE: Text(path)}}


def _port(number: int, protocol: str = "TCP") -> Tree:
    return {"port": number, "protocol": protocol}


def pod_monitor() -> Tree:
    """What Prometheus reads of each pod: Ray's metrics with ours, and HAProxy's."""
    interval = Value("podMonitors.interval")
    kept = [
        {"sourceLabels": [f"__meta_kubernetes_pod_label_{label}"], "targetLabel": label}
        for label in ("ray_io_cluster", "ray_io_node_type", "ray_io_group")
    ]
    # HAProxy runs where Serve has a proxy; elsewhere the target is down, which is no fault.
    endpoints = [
        {"port": port, "interval": interval, "relabelings": kept}
        for port in ("metrics", "proxy-metrics")
    ]
    # Operators of Prometheus look for objects with a label of their own.
    release = {Given("podMonitors.release"): {"release": Text("podMonitors.release")}}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": Named(), "labels": {**LABELS.content, **release}},
        "spec": {"selector": pods(), "podMetricsEndpoints": endpoints},
    }


def ingress() -> Tree:
    """The way in from outside, to the pods that serve."""
    service = {"name": Named("-serve-svc"), "port": {"number": HTTP_PORT}}
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": service}}
    host = Text("ingress.host")
    tls = [{"hosts": [host], "secretName": Text("ingress.existingTlsSecret")}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(),
        "spec": {
            Given("ingress.className"): {"ingressClassName": Text("ingress.className")},
            Given("ingress.existingTlsSecret"): {"tls": tls},
            "rules": [{"host": host, "http": {"paths": [path]}}],
        },
    }


def serving_runtime() -> Tree:
    """For KServe: one process without Ray answers for the model that KServe brought.

    It answers whoever has a key of the secret, which is in the namespace of the InferenceService.
    """
    secret = "servingRuntime.existingSecret"  # noqa: S105 - the name of a value
    keys = {"name": "keys", "mountPath": str(KEYS_FILE.parent), "readOnly": True}
    container = {
        "name": "kserve-container",
        "image": Value("servingRuntime.image"),
        "imagePullPolicy": "IfNotPresent",
        "args": ["run", "--host", "0.0.0.0", "--port", str(_RUN_PORT)],  # noqa: S104 - a pod's own
        "env": [
            {"name": "SERVE_APP_REGISTRY", "value": "/mnt/models"},
            Given(secret, ({"name": "SERVE_APP_KEYS_FILE", "value": str(KEYS_FILE)},)),
            # Who leaves the secret empty says so; with one, its keys count.
            {"name": "SERVE_APP_ACCESS", "value": "open"},
        ],
        "ports": [{"containerPort": _RUN_PORT, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": "1", "memory": "1Gi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        },
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": _RUN_PORT}},
        "securityContext": SECURITY,
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
            {"name": "home", "mountPath": str(STATE)},
            Given(secret, (keys,)),
        ],
    }
    volumes = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "home", "emptyDir": {}},
        Given(secret, ({"name": "keys", "secret": {"secretName": Value(secret)}},)),
    ]
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": metadata("-runtime"),
        "spec": {
            "supportedModelFormats": [{"name": "serve-app", "version": "1", "autoSelect": True}],
            "protocolVersions": ["v1", "v2"],
            "containers": [container],
            "volumes": volumes,
        },
    }


def first_answer() -> Tree:
    """A pod by which `helm test` sees that the service leads to proxies that answer."""
    healthy = Words(
        "import urllib.request as web; web.urlopen('http://",
        Named("-serve-svc"),
        f":{HTTP_PORT}{HEALTH}', timeout=10)",
    )
    hooks = {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation"}
    container = {
        "name": "ask",
        "image": Value("image"),
        "command": ["python3", "-c", healthy],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "128Mi"},
        },
        "securityContext": SECURITY,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata("-test", annotations=hooks),
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": POD_SECURITY,
            Given("imagePullSecrets"): {"imagePullSecrets": Value("imagePullSecrets")},
            "containers": [container],
        },
    }
