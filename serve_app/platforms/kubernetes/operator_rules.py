"""What KubeRay's operator refuses beyond the schema, in words.

It says so in the status of a RayService that was accepted, when somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from serve_app.documents.near_names import did_you_mean, nearest_names
from serve_app.documents.walk import at, items, mapping
from serve_app.platforms.kubernetes.groups import (
    CLUSTER,
    Body,
    Wrong,
    cluster_of,
    groups,
    number,
)
from serve_app.platforms.kubernetes.installation import NAME
from serve_app.platforms.kubernetes.start_options import START_OPTIONS

_UPGRADES = ("NewCluster", "NewClusterWithIncrementalUpgrade", "None")
_FIRST_WITH_TOKENS = (2, 52)
_GATES: Mapping[str, str] = MappingProxyType(
    {
        "networkPolicy": "RayClusterNetworkPolicy",
        "tlsOptions": "RayClusterMTLS",
        "historyServerOptions": "RayClusterHistoryServer",
    }
)
_DEPRECATED = ("serviceUnhealthySecondThreshold", "deploymentUnhealthySecondThreshold")
_FT_ANNOTATIONS = ("ray.io/ft-enabled", "ray.io/external-storage-namespace")
_REDIS_VARIABLES = ("RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME")
_REDIS_PARAMETERS = ("redis-password", "redis-username")
_V2_VARIABLE = "RAY_enable_autoscaler_v2"
_PERCENT = 100


def names(body: Body) -> Wrong:
    """Services are named after it, and their names may have 63 characters."""
    name = at(body, ("metadata", "name"))
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield (
            ("metadata", "name"),
            (
                f"{name!r} cannot name a {body.get('kind')}: up to 47 small letters, digits and "
                "hyphens, a letter first"
            ),
        )
    seen: set[str] = set()
    for group in groups(body)[1:]:
        if group.name in seen:
            yield (*group.path, "groupName"), f"two groups are named {group.name!r}"
        seen.add(group.name)
    if at(body, (*CLUSTER, "headGroupSpec", "headService", "metadata", "name")):
        yield (
            (*CLUSTER, "headGroupSpec", "headService", "metadata", "name"),
            "must not be set: the operator names the head's service",
        )


def versions(body: Body) -> Wrong:
    """Former versions of the resource and its deprecated fields are on their way out."""
    if body.get("apiVersion") != "ray.io/v1":
        yield ("apiVersion",), f"is {body.get('apiVersion')!r}; write ray.io/v1"
    for key in _DEPRECATED:
        if key in mapping(body.get("spec")):
            yield ("spec", key), "is deprecated and does nothing; leave it out"


def containers(body: Body) -> Wrong:
    """Ray runs in the first container of each group."""
    for group in groups(body):
        if not items(group.pod.get("containers")):
            yield group.pod_path, f"{group.name} has no container, the first of which runs Ray"


def replicas(body: Body) -> Wrong:
    """How many pods a group may have."""
    scaled = bool(cluster_of(body).get("enableInTreeAutoscaling"))
    for group in groups(body)[1:]:
        least, most = (number(group.body.get(key)) for key in ("minReplicas", "maxReplicas"))
        now = number(group.body.get("replicas"))
        for key, value in (("minReplicas", least), ("maxReplicas", most), ("replicas", now)):
            if value is not None and value < 0:
                yield (*group.path, key), f"is {value}; a group has none, or more"
        if not scaled and (least is None or most is None):
            yield group.path, "needs minReplicas and maxReplicas where nothing scales it"
        if least is not None and most is not None and least > most:
            yield (*group.path, "minReplicas"), f"is {least}, more than maxReplicas, {most}"
        elif now is not None and not (least or 0) <= now <= (now if most is None else most):
            yield (*group.path, "replicas"), f"is {now}, which is not within {least} to {most}"


def autoscaler(body: Body) -> Wrong:
    """The second version makes pods anew instead of letting Kubernetes restart containers."""
    cluster = cluster_of(body)
    scaled = bool(cluster.get("enableInTreeAutoscaling"))
    second = scaled and at(cluster, ("autoscalerOptions", "version")) == "v2"
    for group in groups(body):
        policy = group.pod.get("restartPolicy")
        if second and policy not in (None, "Never"):
            yield (
                (*group.pod_path, "restartPolicy"),
                f"is {policy}; with autoscaler v2 it is Never, or left out",
            )
        if group.body.get("idleTimeoutSeconds") is not None and not second:
            yield (
                (*group.path, "idleTimeoutSeconds"),
                "needs enableInTreeAutoscaling and autoscalerOptions.version: v2",
            )
        if group.body.get("suspend"):
            yield (*group.path, "suspend"), "is behind a feature gate, and none with an autoscaler"
    head = groups(body)[0]
    if _V2_VARIABLE in head.environment:
        yield head.variable_path(_V2_VARIABLE), "say autoscalerOptions.version: v2 instead"


def tokens(body: Body) -> Wrong:
    """Who may call Ray: whoever has the token, which operator and pods read from one secret."""
    cluster = cluster_of(body)
    options = mapping(cluster.get("authOptions"))
    path = (*CLUSTER, "authOptions")
    if options.get("enableK8sTokenAuth"):
        yield (
            (*path, "enableK8sTokenAuth"),
            "is not for a RayService; write mode: token and secretName",
        )
    if options.get("mode") != "token":
        yield path if options else CLUSTER, "needs authOptions.mode: token; else anybody calls Ray"
        return
    release = re.match(r"(\d+)\.(\d+)", str(cluster.get("rayVersion", "")))
    if release is None:
        yield CLUSTER, "lacks rayVersion, without which the operator refuses mode: token"
    elif tuple(map(int, release.groups())) < _FIRST_WITH_TOKENS:
        yield (*CLUSTER, "rayVersion"), "is too old for mode: token, which needs 2.52"


def redis(body: Body) -> Wrong:
    """Where the head's memory is kept is said once."""
    options = mapping(cluster_of(body).get("gcsFaultToleranceOptions"))
    head = groups(body)[0]
    for name in _REDIS_VARIABLES:
        if name in head.environment:
            yield head.variable_path(name), "belongs into gcsFaultToleranceOptions"
    for key in _REDIS_PARAMETERS:
        if key in head.parameters:
            yield (
                (*head.path, "rayStartParams", key),
                "belongs into gcsFaultToleranceOptions",
            )
    for key in _FT_ANNOTATIONS:
        if key in mapping(at(body, ("metadata", "annotations"))):
            yield (
                ("metadata", "annotations", key),
                "is deprecated; write gcsFaultToleranceOptions",
            )
    path = (*CLUSTER, "gcsFaultToleranceOptions")
    if options.get("backend") == "rocksdb":
        yield (*path, "backend"), "rocksdb is behind the gate GCSFaultToleranceEmbeddedStorage"
    elif "storage" in options:
        yield (*path, "storage"), "is of the backend rocksdb alone"


def gates(body: Body) -> Wrong:
    """What is off unless whoever installed the operator turned it on."""
    cluster = cluster_of(body)
    for key, gate in _GATES.items():
        if key in cluster:
            yield (*CLUSTER, key), f"is alpha, behind the operator's feature gate {gate}"
    if "upgradeStrategy" in cluster:
        yield (*CLUSTER, "upgradeStrategy"), "is of a RayCluster alone; write spec.upgradeStrategy"


def start_parameters(body: Body) -> Wrong:
    """Resources and labels are said in one way."""
    sized = {"num-cpus", "num-gpus", "memory", "resources"}
    for group in groups(body):
        if group.body.get("resources") and sized & set(group.parameters):
            yield (
                (*group.path, "resources"),
                "says again what rayStartParams says; the operator takes one of both",
            )
        for name in map(str, group.parameters):
            if name not in START_OPTIONS:
                meant = did_you_mean(name, START_OPTIONS)
                path = (*group.path, "rayStartParams", name)
                yield path, f"ray start has no option --{name}.{meant}"
        if "labels" in group.parameters:
            yield (*group.path, "rayStartParams", "labels"), "belongs into labels of the group"


def upgrades(body: Body) -> Wrong:
    """How a changed cluster takes the place of the one before."""
    strategy = mapping(at(body, ("spec", "upgradeStrategy")))
    path = ("spec", "upgradeStrategy")
    kind = strategy.get("type")
    if kind is not None and kind not in _UPGRADES:
        near = nearest_names(str(kind), _UPGRADES)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        yield (*path, "type"), f"{kind!r} is none of {', '.join(_UPGRADES)}.{meant}"
    if kind == _UPGRADES[1]:
        yield from _incremental(strategy.get("clusterUpgradeOptions"), body)
    delay = number(at(body, ("spec", "rayClusterDeletionDelaySeconds")))
    if delay is not None and delay < 0:
        yield ("spec", "rayClusterDeletionDelaySeconds"), f"is {delay}; write 0 or more"


def _incremental(given: Any, body: Body) -> Wrong:
    path = ("spec", "upgradeStrategy", "clusterUpgradeOptions")
    options = mapping(given)
    if not cluster_of(body).get("enableInTreeAutoscaling"):
        yield ("spec", "upgradeStrategy"), "needs enableInTreeAutoscaling: true to move in steps"
    for key in ("gatewayClassName", "stepSizePercent", "intervalSeconds"):
        if not options.get(key):
            yield path, f"lacks {key}, without which nothing is moved"
    step = number(options.get("stepSizePercent")) or 0
    surge = number(options.get("maxSurgePercent"))
    if not 0 <= step <= (_PERCENT if surge is None else surge) <= _PERCENT:
        yield (
            (*path, "stepSizePercent"),
            "must be within 0 and maxSurgePercent, and that within 100",
        )


RULES: tuple[Callable[[Body], Wrong], ...] = (
    names,
    versions,
    containers,
    replicas,
    autoscaler,
    tokens,
    redis,
    gates,
    start_parameters,
    upgrades,
)
"""All of them; each yields where something stands and what is wrong with it."""
