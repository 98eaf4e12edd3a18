"""Versions in which kinds are written: of one that no server has any more, nothing is made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from serve_app.documents.near_names import did_you_mean
from serve_app.platforms.kubernetes.groups import Body, Wrong

_KNATIVE = "serving.knative.dev/v1"
OF_KNATIVE = frozenset(("Configuration", "Revision", "Route", "Service"))
_WRITTEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ConfigMap": ("v1",),
        "CronJob": ("batch/v1",),
        "DaemonSet": ("apps/v1",),
        "Deployment": ("apps/v1",),
        "HorizontalPodAutoscaler": ("autoscaling/v2", "autoscaling/v1"),
        "Ingress": ("networking.k8s.io/v1",),
        "Job": ("batch/v1",),
        "NetworkPolicy": ("networking.k8s.io/v1",),
        "PersistentVolumeClaim": ("v1",),
        "Pod": ("v1",),
        "PodDisruptionBudget": ("policy/v1",),
        "PodMonitor": ("monitoring.coreos.com/v1",),
        "Service": ("v1", _KNATIVE),
        "ServiceMonitor": ("monitoring.coreos.com/v1",),
        "ServingRuntime": ("serving.kserve.io/v1alpha1",),
        "StatefulSet": ("apps/v1",),
    }
)


def outdated(body: Body) -> Wrong:
    """A version of the same group that is another one, or a group that is nearly one."""
    kind, version = str(body.get("kind")), str(body.get("apiVersion"))
    right = _WRITTEN.get(kind, ())
    if not right or version in right:
        return
    group, slash, _ = version.partition("/")
    same = [one for one in right if slash and one.partition("/")[0] == group]
    if same:
        yield ("apiVersion",), f"{kind} is not of {version}; write {same[0]}"
    else:
        meant = did_you_mean(version, right)
        if meant:
            yield ("apiVersion",), f"{kind} is not of {version}.{meant}"


def misspelt_kind(body: Body) -> Wrong:
    """A kind that Knative's group nearly has."""
    kind = str(body.get("kind"))
    if body.get("apiVersion") == _KNATIVE and kind not in OF_KNATIVE:
        meant = did_you_mean(kind, OF_KNATIVE)
        if meant:
            yield ("kind",), f"there is no {kind!r} of {_KNATIVE}.{meant}"
