"""Ports of Ray's pods that others ask: what listens elsewhere is never asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import at, items, mapping
from serve_app.platforms.images.places import HTTP_PORT
from serve_app.platforms.kubernetes.groups import Body, Group, Path, Wrong, groups
from serve_app.platforms.kubernetes.pods import AGENT_PORT

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_METRICS = "metrics-export-port"
_SPREAD_OVER = (
    "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
)  # fmt: skip


def named(body: Body) -> Wrong:
    """The operator's service leads to the port `serve`, Prometheus to the port `metrics`."""
    for group in groups(body):
        ports = {str(one.get("name")): (path, one) for path, one in _ports(group)}
        metrics_port = str(group.parameters.get(_METRICS, ""))
        for name, right in (("serve", str(HTTP_PORT)), ("metrics", metrics_port)):
            path, one = ports.get(name, ((), {}))
            number = one.get("containerPort")
            if right and number is not None and str(number) != right:
                yield (
                    (*path, "containerPort"),
                    f"{name} is {number}, but what answers is at {right}",
                )


def answers_probes(body: Body) -> Wrong:
    """Probes ask the node's agent or the proxy; elsewhere nothing answers them."""
    for group in groups(body):
        known = {name: one.get("containerPort") for name, one in _by_name(group).items()}
        for key in _PROBES:
            port = at(group.container, (key, "httpGet", "port"))
            number = known.get(port, port)
            if port is not None and number not in (AGENT_PORT, HTTP_PORT):
                yield (
                    (*group.container_path, key, "httpGet", "port"),
                    (
                        f"is {port}, where nothing answers probes; ask {AGENT_PORT} (the node) or "
                        f"{HTTP_PORT} (the proxy)"
                    ),
                )


def spread_over(body: Body) -> Wrong:
    """Labels of machines over which pods are spread: one that none has spreads over nothing."""
    for group in groups(body):
        for index, one in enumerate(items(group.pod.get("topologySpreadConstraints"))):
            key = str(mapping(one).get("topologyKey"))
            meant = did_you_mean(key, _SPREAD_OVER) if key not in _SPREAD_OVER else ""
            if meant:
                path: Path = ("topologySpreadConstraints", index, "topologyKey")
                yield (*group.pod_path, *path), f"machines have no label {key!r}.{meant}"


def root(body: Body) -> Wrong:
    """Kubernetes starts no root where `runAsNonRoot` stands, and should not where it does not."""
    for group in groups(body):
        for path, one in ((group.pod_path, group.pod), (group.container_path, group.container)):
            if at(one, ("securityContext", "runAsUser")) == 0:
                yield (*path, "securityContext", "runAsUser"), "is root; images run as 10001"


def _ports(group: Group) -> Iterator[tuple[Path, Mapping[Any, Any]]]:
    for index, one in enumerate(items(group.container.get("ports"))):
        yield (*group.container_path, "ports", index), mapping(one)


def _by_name(group: Group) -> dict[Any, Mapping[Any, Any]]:
    return {one.get("name"): one for _, one in _ports(group)}


RULES: tuple[Callable[[Body], Wrong], ...] = (named, answers_probes, spread_over, root)
