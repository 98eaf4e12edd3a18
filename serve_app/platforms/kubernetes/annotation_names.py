"""Annotations that platforms read: a misspelt one is kept, and nobody acts on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import at, mapping
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
_PLACES: tuple[Path, ...] = (
    ("metadata", "annotations"),
    ("spec", "template", "metadata", "annotations"),
)


def misspelt(body: Body) -> Wrong:
    """Annotations that are nearly one of those that are read."""
    for path in _PLACES:
        for key in mapping(at(body, path)):
            yield from _of_one((*path, key), str(key))


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
