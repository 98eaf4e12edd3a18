"""What pods of serve-app must have, and nobody else checks: rules of ours, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from serve_app.documents.near_names import nearest_names
from serve_app.documents.walk import at, items, mapping
from serve_app.platforms.kubernetes.environment import (
    DRAIN_VARIABLE,
    OF_THE_OPERATOR,
    THREADS_VARIABLE,
    fixed,
)
from serve_app.platforms.kubernetes.groups import Body, Group, Path, Wrong, groups
from serve_app.platforms.kubernetes.pods import END_S, HEALTH, SPARE_S

_ALIVE = "/api/healthz"
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_USUAL_GRACE_S = 30
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where Ray's object store is
_OBJECT_STORE = "object-store-memory"
_SIZE = re.compile(r"(\d+)(Ki|Mi|Gi|Ti)")
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_SECURITY: Mapping[str, bool] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
}
_LEAVE_TIMEOUT = re.compile(r"--timeout-s=(\d+)")


def environments(body: Body) -> Wrong:
    """Serve reads its variables once, when it is imported, and those of all nodes are alike."""
    expected = fixed()
    first = groups(body)[0]
    for group in groups(body):
        has = group.environment
        if not group.container:
            continue
        missing = [
            name for name in (*expected, DRAIN_VARIABLE, THREADS_VARIABLE) if name not in has
        ]
        if missing:
            yield (
                group.variable_path(""),
                f"lacks {', '.join(missing)}; without them Serve's slow proxy answers, or nothing",
            )
        for name, value in has.items():
            path = group.variable_path(name)
            if name in expected and value != expected[name]:
                yield (
                    path,
                    f"{name} is {value!r}; the image and other nodes need {expected[name]!r}",
                )
            elif name in OF_THE_OPERATOR:
                yield path, f"{name} comes from authOptions, unless it stands here; leave it out"
            elif missing and (near := nearest_names(name, missing)) and name not in expected:
                yield path, f"there is no variable {name!r}. Did you mean {near[0]!r}?"

        yield from _other_than_the_head(group, first, {*expected, *missing})


def _other_than_the_head(group: Group, head: Group, known: set[str]) -> Wrong:
    """Variables of Ray's that somebody added to some groups alone."""
    may_differ = {*known, *OF_THE_OPERATOR, THREADS_VARIABLE}
    own, of_head = group.environment, head.environment
    for name in sorted({*own, *of_head} - may_differ):
        if name.startswith("RAY_") and own.get(name) != of_head.get(name):
            yield (
                group.variable_path(name),
                (
                    f"{name} is {own.get(name)!r} here and {of_head.get(name)!r} on the head; all "
                    "nodes need the same"
                ),
            )


def drains(body: Body) -> Wrong:
    """Kubernetes ends a pod by force after its grace; until then it hands over and drains."""
    for group in groups(body):
        if not group.container:
            continue
        drain = _whole_s(group.environment.get(DRAIN_VARIABLE))
        command = items(at(group.container, ("lifecycle", "preStop", "exec", "command")))
        leaving = _LEAVE_TIMEOUT.search(" ".join(map(str, command)))
        before = int(leaving[1]) if leaving else drain
        needed = before + END_S + SPARE_S
        grace = group.pod.get("terminationGracePeriodSeconds", _USUAL_GRACE_S)
        if not isinstance(grace, int) or grace < needed:
            yield (
                (*group.pod_path, "terminationGracePeriodSeconds"),
                (
                    f"is {grace}, but ending takes up to {needed} s: {before} to hand over and "
                    f"drain, {END_S} for Ray, {SPARE_S} spare"
                ),
            )
        if not group.is_head and not at(group.container, ("lifecycle", "preStop")):
            yield (
                group.container_path,
                "lacks lifecycle.preStop, which hands replicas over before the pod is ended",
            )


def _whole_s(value: object) -> int:
    try:
        return int(float(str(value)))
    except ValueError:
        return _USUAL_GRACE_S


def shared_memory(body: Body) -> Wrong:
    """Without memory there, Ray keeps its objects on a disk."""
    for group in groups(body):
        mounted = {
            mapping(one).get("mountPath"): mapping(one).get("name")
            for one in items(group.container.get("volumeMounts"))
        }
        volumes = {
            mapping(one).get("name"): mapping(one) for one in items(group.pod.get("volumes"))
        }
        for path, name in mounted.items():
            if name not in volumes:
                yield (
                    (*group.container_path, "volumeMounts"),
                    f"{path}: no volume is named {name!r}",
                )
        if group.container and _SHARED_MEMORY not in mounted:
            yield group.container_path, f"lacks a volume of memory at {_SHARED_MEMORY}"
            continue
        held = mapping(mapping(volumes.get(mounted.get(_SHARED_MEMORY))).get("emptyDir"))
        if group.container and (held.get("medium") != "Memory" or not held.get("sizeLimit")):
            yield (
                (*group.pod_path, "volumes"),
                f"that of {_SHARED_MEMORY} needs emptyDir with medium: Memory and a sizeLimit",
            )
        elif group.container:
            yield from _object_store(group, str(held["sizeLimit"]))


def _object_store(group: Group, held: str) -> Wrong:
    """Ray looks whether the volume holds its objects, and takes a folder where it does not."""
    wanted = str(group.parameters.get(_OBJECT_STORE, ""))
    path = (*group.path, "rayStartParams")
    if not wanted.isdecimal():
        yield (
            path,
            f"lacks {_OBJECT_STORE} in bytes; Ray's own is mostly more than {_SHARED_MEMORY} holds",
        )
    elif (match := _SIZE.fullmatch(held)) and int(wanted) > int(match[1]) * _UNITS[match[2]]:
        yield (
            (*path, _OBJECT_STORE),
            f"is {wanted} bytes, but {_SHARED_MEMORY} holds {held}: Ray would take a disk",
        )


def probes(body: Body) -> Wrong:
    """A full queue must not end a pod: probes ask the node and the proxy, never a model."""
    for group in groups(body):
        if not group.container:
            continue
        for key in _PROBES:
            probe = mapping(group.container.get(key))
            path = (*group.container_path, key)
            if not probe:
                yield (
                    group.container_path,
                    f"lacks {key}; the operator's own needs more time or wget",
                )
                continue
            target = at(probe, ("httpGet", "path"))
            allowed = (_ALIVE, HEALTH) if key == "readinessProbe" else (_ALIVE,)
            if target is not None and target not in allowed:
                yield (
                    (*path, "httpGet", "path"),
                    f"is {target!r}, which waits behind clients; ask {' or '.join(allowed)}",
                )
        if (
            not group.is_head
            and at(group.container, ("readinessProbe", "httpGet", "path")) == _ALIVE
        ):
            yield (
                (*group.container_path, "readinessProbe", "httpGet", "path"),
                f"clients are sent to this pod before its proxy runs; ask {HEALTH}",
            )


def rights(body: Body) -> Wrong:
    """What somebody can do who gets into a process by a model or a library."""
    for group in groups(body):
        own = mapping(group.container.get("securityContext"))
        whole = mapping(group.pod.get("securityContext"))
        path = (*group.container_path, "securityContext")
        if not group.container:
            continue
        if not (own.get("runAsNonRoot") or whole.get("runAsNonRoot")):
            yield group.pod_path, "lacks securityContext.runAsNonRoot: true"
        for key, value in _SECURITY.items():
            if own.get(key) is not value:
                yield path, f"lacks {key}: {str(value).lower()}"
        if "ALL" not in items(at(own, ("capabilities", "drop"))):
            yield path, "lacks capabilities.drop: [ALL]"
        if not (whole.get("seccompProfile") or own.get("seccompProfile")):
            yield group.pod_path, "lacks securityContext.seccompProfile.type: RuntimeDefault"
        if own.get("privileged"):
            yield (*path, "privileged"), "gives the machine away; leave it out"
        yield from _of_the_machine(group)


def _of_the_machine(group: Group) -> Wrong:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if group.pod.get(key):
            yield (*group.pod_path, key), "shares what is the machine's; leave it out"
    for index, volume in enumerate(items(group.pod.get("volumes"))):
        if "hostPath" in mapping(volume):
            path: Path = (*group.pod_path, "volumes", index, "hostPath")
            yield path, "is a folder of the machine, and so differs from pod to pod; use a claim"
    if not group.is_head and group.pod.get("automountServiceAccountToken") is not False:
        yield group.pod_path, "lacks automountServiceAccountToken: false; only the head needs it"


def sizes(body: Body) -> Wrong:
    """Ray counts whole processors, and ends replicas when memory that it counted on is gone."""
    for group in groups(body):
        resources = mapping(group.container.get("resources"))
        path = (*group.container_path, "resources")
        if not group.container:
            continue
        limits, requests = (mapping(resources.get(key)) for key in ("limits", "requests"))
        if limits.get("memory") is None or limits.get("memory") != requests.get("memory"):
            yield path, "needs the same memory in requests and limits"
        for name, one in (("limits", limits), ("requests", requests)):
            processors = one.get("cpu")
            if processors is not None and not str(processors).isdigit():
                yield (
                    (*path, name, "cpu"),
                    f"is {processors!r}; Ray counts whole processors, so write a whole number",
                )


RULES: tuple[Callable[[Body], Wrong], ...] = (
    environments,
    drains,
    shared_memory,
    probes,
    rights,
    sizes,
)
