"""What KubeRay's operator makes of a RayService before Kubernetes starts its pods.

From the behaviour of its sources of August 2026 (1.7, `ray-operator/controllers/ray/common/`), as
far as a manifest of ours reaches it: the command of the first container, variables that it adds
where a container has none of the name, the container that waits for the head, names of services.
"""

import copy
from dataclasses import dataclass, field

HEAD_PORT = 6379
DASHBOARD_PORT = 8265
NAMESPACE = "default"
COMMAND = ("/bin/bash", "-c", "--")
_SWITCHES_WITH_VALUES = ("log-color", "include-dashboard", "include-log-monitor")
_SHARED_MEMORY = "/dev/shm"


@dataclass(frozen=True)
class Pod:
    """A pod as Kubernetes is given it: its description, and what Ray's container starts with."""

    name: str
    spec: dict
    command: tuple[str, ...]
    environment: tuple[dict, ...]
    waits_by: tuple[str, ...] | None = None
    labels: dict = field(default_factory=dict)

    @property
    def container(self):
        return self.spec["containers"][0]


def head_service(cluster):
    """The whole name of the service that finds a cluster's head."""
    return f"{cluster}-head-svc.{NAMESPACE}.svc.cluster.local"


def head_pod(body, cluster, name):
    """The pod of the head of a cluster, which is made of the body of a RayService."""
    described = body["spec"]["rayClusterConfig"]
    group = copy.deepcopy(described["headGroupSpec"])
    parameters = {"dashboard-host": "0.0.0.0", **group["rayStartParams"]}
    variables = []
    if redis := described.get("gcsFaultToleranceOptions"):
        # The namespace is the cluster's own identity, so that a second one starts from nothing.
        variables.append({"name": "RAY_external_storage_namespace", "value": cluster})
        variables.append({"name": "RAY_REDIS_ADDRESS", "value": redis["redisAddress"]})
        if password := redis.get("redisPassword"):
            parameters["redis-password"] = "$REDIS_PASSWORD"
            variables.append({"name": "REDIS_PASSWORD", **password})
    labels = {"ray.io/cluster": cluster, "ray.io/group": "headgroup"}
    return _pod(described, group, parameters, variables, name, labels)


def worker_pod(body, cluster, name):
    """A pod of the only group of workers."""
    described = body["spec"]["rayClusterConfig"]
    (group,) = copy.deepcopy(described["workerGroupSpecs"])
    address = head_service(cluster)
    parameters = {"address": f"{address}:{HEAD_PORT}", **group["rayStartParams"]}
    variables = [{"name": "FQ_RAY_IP", "value": address}]
    variables.append({"name": "RAY_IP", "value": address.split(".")[0]})
    if "gcsFaultToleranceOptions" in described:
        variables.append({"name": "RAY_gcs_rpc_server_reconnect_timeout_s", "value": "600"})
    labels = {"ray.io/cluster": cluster, "ray.io/group": group["groupName"]}
    return _pod(described, group, parameters, variables, name, labels)


def _pod(described, group, parameters, variables, name, labels):
    spec = group["template"]["spec"]
    container = spec["containers"][0]
    is_head = labels["ray.io/group"] == "headgroup"
    if not any(one["mountPath"] == _SHARED_MEMORY for one in container["volumeMounts"]):
        raise AssertionError("the operator would mount a /dev/shm of its own")
    start = _start(container, parameters, is_head=is_head)
    command = f"ulimit -n ${{RAY_START_ULIMIT_OPEN_FILES:-65536}}; {start}"
    host = "127.0.0.1" if is_head else head_service(labels["ray.io/cluster"])
    added = [
        *_token(described),
        *variables,
        {"name": "RAY_CLUSTER_NAME", "value": labels["ray.io/cluster"]},
        {"name": "RAY_CLUSTER_NAMESPACE", "value": NAMESPACE},
        {"name": "RAY_CLOUD_INSTANCE_ID", "value": name},
        {"name": "RAY_NODE_TYPE_NAME", "value": labels["ray.io/group"]},
        {"name": "KUBERAY_GEN_RAY_START_CMD", "value": start},
        {"name": "RAY_PORT", "value": str(HEAD_PORT)},
        {"name": "RAY_timeout_ms_task_wait_for_death_info", "value": "0"},
        {"name": "RAY_gcs_server_request_timeout_seconds", "value": "5"},
        {"name": "RAY_SERVE_KV_TIMEOUT_S", "value": "5"},
        {"name": "RAY_ADDRESS", "value": f"{host}:{HEAD_PORT}"},
        {"name": "RAY_USAGE_STATS_KUBERAY_IN_USE", "value": "1"},
        {"name": "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE", "value": "1"},
    ]
    given = list(container["env"])
    names = {one["name"] for one in given}
    given += [one for one in added if one["name"] not in names]
    waits = None if is_head else (*COMMAND, _WAIT.format(address=f"{host}:{HEAD_PORT}"))
    return Pod(name, spec, (*COMMAND, command), tuple(given), waits, labels)


_WAIT = "until ray health-check --address {address} > /dev/null 2>&1; do sleep 5; done"


def _token(described):
    options = described.get("authOptions") or {}
    if options.get("mode") != "token":
        return []
    secret = {"name": options["secretName"], "key": "auth_token"}
    return [
        {"name": "RAY_AUTH_MODE", "value": "token"},
        {"name": "RAY_AUTH_TOKEN", "valueFrom": {"secretKeyRef": secret}},
    ]


def _start(container, parameters, *, is_head):
    """The line that starts Ray, its parameters in order of their names."""
    limits = container["resources"]["limits"]
    made = {
        "metrics-export-port": "8080",
        "dashboard-agent-listen-port": "52365",
        "num-cpus": str(int(limits["cpu"])),
        "memory": str(quantity(limits["memory"])),
        **parameters,
        "block": "true",
    }
    words = ["ray start --head" if is_head else "ray start"]
    for name, value in sorted(made.items()):
        if value.lower() in ("true", "false") and name not in _SWITCHES_WITH_VALUES:
            words += [f"--{name}"] if value.lower() == "true" else []
        else:
            words.append(f"--{name}={value}")
    return " ".join(words)


def quantity(text):
    """Bytes, as Kubernetes writes them."""
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    return int(text[:-2]) * units[text[-2:]] if text[-2:] in units else int(text)
