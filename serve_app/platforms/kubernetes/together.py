"""What documents of one file say of each other: selectors, ports and services by their names.

Kubernetes takes a selector that selects nothing, and a way in that leads nowhere, without a word.
What stands beside for other pods is left alone: only what is nearly right is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import at, items, mapping
from serve_app.platforms.kubernetes.groups import Body, Path, Wrong, groups

_SELECTORS: Mapping[str, Path] = {
    "PodDisruptionBudget": ("spec", "selector"),
    "NetworkPolicy": ("spec", "podSelector"),
    "PodMonitor": ("spec", "selector"),
}
Labels = Mapping[str, str]


def apart(body: Body, services: Sequence[Body]) -> Wrong:
    """What a document that stands beside names, but no RayService of its file has."""
    if not services:
        return
    pods = [_labels(group) for one in services for group in _pods(one)]
    kind = str(body.get("kind"))
    if kind in _SELECTORS:
        yield from _unselected(body, (*_SELECTORS[kind], "matchLabels"), pods)
    for path in _spreads(body):
        yield from _unselected(body, path, pods)
    if kind == "PodMonitor":
        yield from _ports(body, services)
    elif kind == "Ingress":
        yield from _services(body, services)


def _pods(service: Body) -> Iterator[tuple[Path, Mapping[object, object]]]:
    for group in groups(service):
        yield group.path, mapping(at(group.body, ("template", "metadata", "labels")))


def _labels(pod: tuple[Path, Mapping[object, object]]) -> Labels:
    return {str(key): str(value) for key, value in pod[1].items()}


def _spreads(body: Body) -> Iterator[Path]:
    """Where a RayService says among which pods its own are spread."""
    for group in groups(body):
        for index, _ in enumerate(items(group.pod.get("topologySpreadConstraints"))):
            path = (*group.pod_path, "topologySpreadConstraints", index)
            yield (*path, "labelSelector", "matchLabels")


def _unselected(body: Body, path: Path, pods: Sequence[Labels]) -> Wrong:
    wanted = {str(key): str(value) for key, value in mapping(at(body, path)).items()}
    if any(wanted.items() <= one.items() for one in pods):
        return
    keys = {key for one in pods for key in one}
    for key, value in wanted.items():
        values = {one[key] for one in pods if key in one}
        if key not in keys:
            known, written = keys, key
        elif value not in values:
            known, written = values, value
        else:
            continue
        meant = did_you_mean(written, known)
        if meant:
            yield (*path, key), f"selects no pod of this file: none has {written!r}.{meant}"


def _ports(body: Body, services: Sequence[Body]) -> Wrong:
    known = {
        str(mapping(port).get("name"))
        for one in services
        for group in groups(one)
        for port in items(group.container.get("ports"))
    }
    for index, one in enumerate(items(at(body, ("spec", "podMetricsEndpoints")))):
        name = mapping(one).get("port")
        if name is not None and name not in known:
            meant = did_you_mean(str(name), known)
            words = f"no container of this file has a port named {name!r}.{meant}"
            if meant:
                yield ("spec", "podMetricsEndpoints", index, "port"), words


def _services(body: Body, services: Sequence[Body]) -> Wrong:
    names = [at(one, ("metadata", "name")) for one in services]
    known = {f"{name}-{role}-svc" for name in names for role in ("serve", "head")}
    for rule, one in enumerate(items(at(body, ("spec", "rules")))):
        for index, way in enumerate(items(at(one, ("http", "paths")))):
            name = at(way, ("backend", "service", "name"))
            meant = "" if name in known else did_you_mean(str(name), known)
            if meant:
                path: Path = ("spec", "rules", rule, "http", "paths", index, "backend")
                words = f"no service of this file is named {name!r}.{meant}"
                yield (*path, "service", "name"), words
