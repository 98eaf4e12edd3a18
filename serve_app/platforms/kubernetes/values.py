"""What installations differ in: each value with its default, what it may be, and what it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.platforms.images.places import DRAIN_S

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "pattern": r"^[^\r\n]*$"}
_NAME: Schema = {"type": "string", "pattern": "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_WHOLE: Schema = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_BYTES: Schema = {"type": "string", "pattern": "^[1-9][0-9]*(Mi|Gi|Ti)$"}
_IMAGE: Schema = {"type": "string", "pattern": "^[^\\s@]+@sha256:[0-9a-f]{64}$"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_PEERS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "ipBlock": {
                "type": "object",
                "additionalProperties": False,
                "required": ["cidr"],
                "properties": {"cidr": _TEXT, "except": {"type": "array", "items": _TEXT}},
            },
            "namespaceSelector": {"$ref": "#/definitions/selector"},
            "podSelector": {"$ref": "#/definitions/selector"},
        },
    },
}
_TOLERATIONS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "key": _TEXT,
            "operator": {"enum": ["Exists", "Equal"]},
            "value": _TEXT,
            "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
            "tolerationSeconds": _COUNT,
        },
    },
}
_DEFS: Schema = {
    "selector": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"matchLabels": _TEXTS},
    }
}
_INGRESS_NAMESPACE = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of the chart."""

    path: str
    default: Any
    schema: Schema
    purpose: str


def _of_group(name: str, cpu: str, memory: str) -> tuple[Setting, ...]:
    return (
        Setting(f"{name}.cpu", cpu, _WHOLE, "Processors of a pod, a whole number: Ray counts so."),
        Setting(f"{name}.memory", memory, _BYTES, "Memory of a pod, asked for and its limit."),
        Setting(f"{name}.sharedMemory", "512Mi", _BYTES, "Of it, for Ray's object store."),
        Setting(
            f"{name}.proxyThreads", 1, {**_COUNT, "minimum": 1, "maximum": 64},
            "Threads of HAProxy: half of the processors, four at most.",
        ),
        Setting(f"{name}.nodeSelector", {}, _TEXTS, "Labels of the nodes that are fit."),
        Setting(f"{name}.tolerations", [], _TOLERATIONS, "Taints of nodes that do not matter."),
    )  # fmt: skip


SETTINGS = (
    Setting("nameOverride", "",
            {"type": "string", "pattern": "^([a-z]([a-z0-9-]{0,45}[a-z0-9])?)?$"},
            "The name of everything; else that of the release. 47 characters at most."),
    Setting("image", "", _IMAGE, "NAME@sha256:DIGEST of serve or full, for all pods. Required."),
    Setting("imagePullSecrets", [], {"type": "array", "items": {
        "type": "object", "additionalProperties": False, "required": ["name"],
        "properties": {"name": _NAME}}}, "Names of secrets for the image's registry."),
    Setting("rayVersion", "", {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
            "The release of Ray in the image."),
    Setting("serveConfigV2", "", {"type": "string", "minLength": 1},
            "What is served, as serve-app deploy takes it. Required (--set-file serveConfigV2=…)."),
    Setting("upgradeStrategy", "NewCluster", {"enum": ["NewCluster", "None"]},
            "NewCluster: a change of pods makes a second cluster first. None: it waits."),
    Setting("deletionDelaySeconds", 60, _COUNT, "How long the former cluster stays after that."),
    Setting("drainSeconds", int(DRAIN_S), {**_COUNT, "maximum": 3600},
            "How long a gateway that ends finishes what it has begun."),
    Setting("priorityClassName", "", _NAME, "The pods' priority class."),
    Setting("prometheusUrl", "http://127.0.0.1:9090",
            {"type": "string", "pattern": r"^https?://[^\s]+$"},
            "Where Ray's dashboard looks for Prometheus."),
    Setting("auth.existingSecret", "serve-app-ray", {**_NAME, "minLength": 1},
            "The secret with Ray's token, key auth_token."),
    Setting("access.existingSecret", "serve-app-keys", _NAME,
            "The secret with what serve-app keys create --file wrote, key keys.json; empty: none."),
    *_of_group("head", "2", "4Gi"),
    *_of_group("workers", "4", "8Gi"),
    Setting("workers.replicas", 2, _COUNT, "Pods that serve at first."),
    Setting("workers.minReplicas", 2, _COUNT, "The autoscaler keeps so many,"),
    Setting("workers.maxReplicas", 8, _COUNT, "and never makes more."),
    Setting("workers.topologyKey", "kubernetes.io/hostname", _TEXT,
            "What pods that serve are spread over; empty: nothing."),
    Setting("autoscaling.enabled", True, _FLAG, "Whether Ray starts and ends pods that serve."),
    Setting("autoscaling.idleTimeoutSeconds", 300, _COUNT, "A pod without replicas ends then."),
    Setting("state.enabled", False, _FLAG, "A volume of the head for the SQLite database."),
    Setting("state.size", "10Gi", _BYTES, "How large it is."),
    Setting("state.storageClassName", "", _NAME, "Of which class; empty: the cluster's usual one."),
    Setting("database.enabled", False, _FLAG, "PGPASSWORD for PostgreSQL, which the config names."),
    Setting("database.existingSecret", "serve-app-database", _NAME, "The secret that holds it,"),
    Setting("database.passwordKey", "password", _TEXT, "and its key there."),
    Setting("registry.existingClaim", "", _NAME,
            "A volume with the registry, which all pods read as ./registry; empty: a bucket."),
    Setting("records.existingClaim", "", _NAME,
            "A volume that all pods write as ./records; empty: a bucket, or the state's folder."),
    Setting("faultTolerance.enabled", False, _FLAG, "Redis keeps the head's memory."),
    Setting("faultTolerance.redisAddress", "redis:6379", _TEXT, "Its address, host:port."),
    Setting("faultTolerance.existingSecret", "serve-app-redis", _NAME, "Its password's secret,"),
    Setting("faultTolerance.passwordKey", "password", _TEXT, "and the key there."),
    Setting("podDisruptionBudget.enabled", False, _FLAG, "Maintenance takes one pod at a time."),
    Setting("networkPolicy.enabled", False, _FLAG, "Nobody but those below reaches the pods."),
    Setting("networkPolicy.clients", [_INGRESS_NAMESPACE], {**_PEERS, "minItems": 1},
            "Who asks for predictions, at port 8000."),
    Setting("networkPolicy.operatorNamespace", "kuberay-system", {**_NAME, "minLength": 1},
            "Where KubeRay's operator runs."),
    Setting("networkPolicy.prometheusNamespace", "monitoring", {**_NAME, "minLength": 1},
            "Where Prometheus runs."),
    Setting("networkPolicy.egress", [], _PEERS,
            "Whom the pods reach beside each other and DNS: bucket, database, Redis."),
    Setting("podMonitors.enabled", False, _FLAG, "Prometheus reads the pods (PodMonitor)."),
    Setting("podMonitors.release", "", _TEXT, "The label release by which Prometheus finds it."),
    Setting("podMonitors.interval", "15s", {"type": "string", "pattern": "^[1-9][0-9]*s$"},
            "How often."),
    Setting("ingress.enabled", False, _FLAG, "A way in from outside of the cluster."),
    Setting("ingress.className", "", _NAME, "The class of the ingress."),
    Setting("ingress.host", "serve-app.example.com", _NAME, "The host that clients ask."),
    Setting("ingress.existingTlsSecret", "", _NAME, "The secret with its certificate."),
    Setting("servingRuntime.enabled", False, _FLAG, "A runtime for KServe, without Ray."),
    Setting("servingRuntime.image", "", {**_IMAGE, "pattern": f"^$|{_IMAGE['pattern']}"},
            "NAME@sha256:DIGEST of the image for it: edge, serve or full."),
    Setting("servingRuntime.existingSecret", "serve-app-keys", _NAME,
            "The secret with keys.json, in the namespace of an InferenceService; empty: none."),
)  # fmt: skip
GROUPS = frozenset(one.path.split(".")[0] for one in SETTINGS)
"""The keys of the first level."""


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Values of dotted paths as a tree, in the order in which the chart has them."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *above, name = path.split(".")
        place = tree
        for part in above:
            place = place.setdefault(part, {})
        place[name] = value
    return tree


def defaults() -> dict[str, Any]:
    """The values of a chart that nobody has changed."""
    return {one.path: one.default for one in SETTINGS}


def values_yaml(chosen: Mapping[str, Any] | None = None) -> str:
    """The values with a line of purpose each; `chosen` replaces defaults by their dotted path."""
    return "\n".join(_documented({**defaults(), **(chosen or {})})) + "\n"


def _documented(values: Mapping[str, Any]) -> Iterator[str]:
    above = ""
    for one in SETTINGS:
        group, _, name = one.path.rpartition(".")
        if group != above:
            above = group
            if group:
                yield f"{group}:"
        space = "  " if group else ""
        yield f"{space}# {one.purpose}"
        value = values[one.path]
        if isinstance(value, str) and "\n" in value:
            yield f"{space}{name}: |"
            yield from (f"{space}  {line}".rstrip() for line in value.strip("\n").split("\n"))
        else:
            yield f"{space}{name}: {json.dumps(value, ensure_ascii=False)}"


def values_schema(*, whole: bool = True) -> Schema:
    """What values may be: no key that is not known, no text of two lines, images by digest.

    Where they are not the whole of them, none has to be there.
    """
    groups: dict[str, Schema] = {}
    own: Schema = {}
    for one in SETTINGS:
        group, _, name = one.path.rpartition(".")
        schema = {**one.schema, "description": one.purpose}
        (groups.setdefault(group, {}) if group else own)[name] = schema
    closed = {name: _closed(inner, whole=whole) for name, inner in groups.items()}
    # Helm hands these to every chart that is another one's part.
    closed["global"] = {"type": "object", "default": {}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of serve-app",
        **_closed({**own, **closed}, whole=whole),
        "definitions": _DEFS,
    }


def _closed(properties: Schema, *, whole: bool) -> Schema:
    needed = sorted(name for name, one in properties.items() if "default" not in one)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": needed if whole else [],
        "properties": properties,
    }
