"""The pods of a cluster: the head's, and those that serve."""

from __future__ import annotations

from typing import Any

from serve_app.platforms.images.places import HTTP_PORT, KEYS_FILE, STATE, USER
from serve_app.platforms.kubernetes.environment import (
    PROXY_METRICS_PORT,
    environment,
    shared_environment,
)
from serve_app.platforms.kubernetes.labels import SELECTED, pods
from serve_app.platforms.kubernetes.tree import Given, Named, Shared, Sum, Text, Tree, Value, Words

END_S = 35
"""What Ray and Serve take to end beside the drain."""
SPARE_S = 15
AGENT_PORT = 52365
METRICS_PORT = 8080
HEALTH = "/-/healthz"
"""Answered by the proxy, never by a model: a full queue is no reason to end a pod."""
LEAVE = "serve_app.platforms.kubernetes.leaving"

SECURITY = Shared(
    "serve-app.securityContext",
    {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
)
POD_SECURITY = Shared(
    "serve-app.podSecurityContext",
    {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        # Volumes belong to this group; their files are not walked through at each start.
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    },
)
ENVIRONMENT = Shared("serve-app.environment", shared_environment())


def head() -> Tree:
    """The pod that holds the cluster together. It answers no clients."""
    ready = {"httpGet": {"path": "/api/healthz", "port": AGENT_PORT}}
    ports = [
        {"name": "gcs-server", "containerPort": 6379},
        {"name": "dashboard", "containerPort": 8265},
        {"name": "client", "containerPort": 10001},
        *_ports(),
    ]
    container = _container("head", ports, ready)
    state = {"name": "state", "mountPath": f"{STATE}/state"}
    container["volumeMounts"].append(Given("state.enabled", (state,)))
    claim = {"persistentVolumeClaim": {"claimName": Named("-state")}}
    spec = _spec("head", container)
    spec["volumes"].append(Given("state.enabled", ({"name": "state", **claim},)))
    return {"metadata": _metadata("head"), "spec": spec}


def worker() -> Tree:
    """A pod that computes, and whose proxy answers clients."""
    ready = {"httpGet": {"path": HEALTH, "port": "serve"}}
    container = _container("workers", _ports(), ready)
    # Gateways read who may ask; no replica of one is on the head.
    keys = {"name": "keys", "mountPath": str(KEYS_FILE.parent), "readOnly": True}
    container["volumeMounts"].append(Given("access.existingSecret", (keys,)))
    # Before Kubernetes says to end: others have taken over by then, and clients are sent there.
    leave = ["python3", "-m", LEAVE, Words("--timeout-s=", Sum("drainSeconds", END_S))]
    container["lifecycle"] = {"preStop": {"exec": {"command": leave}}}
    spread = {
        "maxSkew": 1,
        "topologyKey": Value("workers.topologyKey"),
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": pods("worker"),
    }
    # No worker talks to Kubernetes; the head's autoscaler does.
    spec = {"automountServiceAccountToken": False, **_spec("workers", container)}
    # The whole folder: one file of it would not change when the secret does.
    secret = {"secretName": Value("access.existingSecret")}
    spec["volumes"].append(Given("access.existingSecret", ({"name": "keys", "secret": secret},)))
    spec[Given("workers.topologyKey")] = {"topologySpreadConstraints": [spread]}
    return {"metadata": _metadata("worker"), "spec": spec}


def _metadata(component: str) -> Tree:
    return {"labels": {**SELECTED, "app.kubernetes.io/component": component}}


def _ports() -> list[Any]:
    return [
        {"name": "serve", "containerPort": HTTP_PORT},
        {"name": "metrics", "containerPort": METRICS_PORT},
        {"name": "proxy-metrics", "containerPort": PROXY_METRICS_PORT},
    ]


def _container(group: str, ports: list[Any], ready: Tree) -> Tree:
    alive = {"httpGet": {"path": "/api/healthz", "port": AGENT_PORT}}
    resources = {"cpu": Value(f"{group}.cpu"), "memory": Value(f"{group}.memory")}
    mounts = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
        {"name": "home", "mountPath": str(STATE)},
        Given("registry.existingClaim", (_shared("registry", read_only=True),)),
        Given("records.existingClaim", (_shared("records", read_only=False),)),
    ]
    return {
        "name": f"ray-{'head' if group == 'head' else 'worker'}",
        "image": Value("image"),
        # It is named by its digest, which never means another one.
        "imagePullPolicy": "IfNotPresent",
        "env": [ENVIRONMENT, *environment(group)],
        "ports": ports,
        # Ray counts whole processors of the limit, and memory that may be taken away again makes
        # it end replicas: what is asked for is what there is.
        "resources": {"requests": resources, "limits": resources},
        "startupProbe": {**alive, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 36},
        "livenessProbe": {**alive, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {**ready, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 2},
        "securityContext": SECURITY,
        "volumeMounts": mounts,
    }


def _shared(name: str, *, read_only: bool) -> Tree:
    mode = {"readOnly": True} if read_only else {}
    return {"name": name, "mountPath": f"{STATE}/{name}", **mode}


def _claimed(name: str) -> Given:
    claim = {"claimName": Value(f"{name}.existingClaim")}
    return Given(f"{name}.existingClaim", ({"name": name, "persistentVolumeClaim": claim},))


def _spec(group: str, container: Tree) -> Tree:
    memory = {"medium": "Memory", "sizeLimit": Value(f"{group}.sharedMemory")}
    return {
        # The first process of the pod is then Kubernetes' own, which ends the orphans Ray leaves.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": Sum("drainSeconds", 2 * END_S + SPARE_S),
        "securityContext": POD_SECURITY,
        Given("imagePullSecrets"): {"imagePullSecrets": Value("imagePullSecrets")},
        Given("priorityClassName"): {"priorityClassName": Text("priorityClassName")},
        Given(f"{group}.nodeSelector"): {"nodeSelector": Value(f"{group}.nodeSelector")},
        Given(f"{group}.tolerations"): {"tolerations": Value(f"{group}.tolerations")},
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "shm", "emptyDir": memory},
            {"name": "home", "emptyDir": {}},
            _claimed("registry"),
            _claimed("records"),
        ],
    }
