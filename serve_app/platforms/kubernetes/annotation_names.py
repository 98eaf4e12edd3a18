"""Annotations that platforms read: a misspelt one is kept, and nobody acts on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import at, items, mapping
from serve_app.platforms.kubernetes.groups import Body, Path, Wrong

_READ: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "autoscaling.knative.dev/": frozenset((
            "activation-scale", "class", "initial-scale", "initialScale", "max-scale", "maxScale",
            "metric", "min-scale", "minScale", "panic-threshold-percentage",
            "panic-window-percentage", "scale-down-delay", "target", "target-burst-capacity",
            "target-utilization-percentage", "window",
        )),
        "run.googleapis.com/": frozenset((
            "base-images", "binary-authorization", "client-name", "client-version",
            "cloudsql-instances", "container-dependencies", "cpu-throttling",
            "custom-audiences", "default-url-disabled", "description", "encryption-key",
            "execution-environment", "gpu-zonal-redundancy-disabled", "health-check-disabled",
            "ingress", "ingress-status", "invoker-iam-disabled", "launch-stage",
            "manualInstanceCount", "maxScale", "minScale", "network-interfaces", "operation-id",
            "scalingMode", "secrets", "sessionAffinity", "startup-cpu-boost",
            "vpc-access-connector", "vpc-access-egress",
        )),
    }
)  # fmt: skip
"""What Cloud Run and Knative read, by what their names begin with."""
_FLAG = ("true", "false")
_VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "run.googleapis.com/cpu-throttling": _FLAG,
        "run.googleapis.com/default-url-disabled": _FLAG,
        "run.googleapis.com/execution-environment": ("gen1", "gen2"),
        "run.googleapis.com/ingress": ("all", "internal", "internal-and-cloud-load-balancing"),
        "run.googleapis.com/invoker-iam-disabled": _FLAG,
        "run.googleapis.com/sessionAffinity": _FLAG,
        "run.googleapis.com/startup-cpu-boost": _FLAG,
        "run.googleapis.com/vpc-access-egress": ("all-traffic", "private-ranges-only"),
    }
)
"""What Cloud Run takes, of annotations that take one of a few words."""
_COUNTS = re.compile(r"(autoscaling\.knative\.dev|run\.googleapis\.com)/(m(in|ax)-?[sS]cale)")
_PORTS_OF_KNATIVE = ("http1", "h2c")
_PLACES: tuple[Path, ...] = (
    ("metadata", "annotations"),
    ("spec", "template", "metadata", "annotations"),
)


def misspelt(body: Body) -> Wrong:
    """Annotations that are nearly one of those that are read."""
    for path in _PLACES:
        for key in mapping(at(body, path)):
            yield from _of_one((*path, key), str(key))


def unfit(body: Body) -> Wrong:
    """Values that a platform refuses, or takes for its usual one."""
    for place in _PLACES:
        for key, value in mapping(at(body, place)).items():
            known = _VALUES.get(str(key), ())
            if known and value not in known:
                meant = did_you_mean(str(value), known)
                yield (*place, key), f"{value!r} is none of {', '.join(known)}.{meant}"
            elif _COUNTS.fullmatch(str(key)) and not str(value).isdecimal():
                yield (*place, key), f"{value!r} is no number of instances"


def ports_of_knative(body: Body) -> Wrong:
    """A port's name says there which protocol is spoken at it."""
    path: Path = ("spec", "template", "spec", "containers")
    for index, container in enumerate(items(at(body, path))):
        for inner, port in enumerate(items(mapping(container).get("ports"))):
            name = mapping(port).get("name")
            if name is not None and name not in _PORTS_OF_KNATIVE:
                words = f"is {name!r}; write http1, or h2c where HTTP/2 without TLS is meant"
                yield (*path, index, "ports", inner, "name"), words


def _of_one(path: Path, key: str) -> Iterator[tuple[Path, str]]:
    begins, slash, name = key.partition("/")
    group = begins + slash
    known = _READ.get(group)
    if known is None:
        is_read = any(name in names for names in _READ.values())
        meant = did_you_mean(group, _READ) if is_read else ""
        words = f"nobody reads annotations of {begins}.{meant}"
    else:
        meant = did_you_mean(name, known) if name not in known else ""
        words = f"there is no annotation {key!r}.{meant}"
    if meant:
        yield path, words
