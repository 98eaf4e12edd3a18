"""The fields of what stands around Ray's pods, and which kinds there are.

Of these, too, Kubernetes drops fields that it does not know: a policy whose selector is misspelt
would let everybody in, or nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from serve_app.platforms.kubernetes.fields import SHAPES, schema_of

_SPECS = {
    "PodDisruptionBudget": (
        "maxUnavailable:q minAvailable:q selector:Selector unhealthyPodEvictionPolicy:s"
    ),
    "NetworkPolicy": "egress:[To ingress:[From podSelector:Selector policyTypes:[s",
    "PodMonitor": (
        "attachMetadata:o bodySizeLimit:q fallbackScrapeProtocol:s jobLabel:s keepDroppedTargets:i "
        "labelLimit:i labelNameLengthLimit:i labelValueLengthLimit:i namespaceSelector:Namespaces "
        "podMetricsEndpoints:[Endpoint podTargetLabels:[s sampleLimit:i scrapeClass:s "
        "scrapeProtocols:[s selector:Selector selectorMechanism:s targetLimit:i"
    ),
    "Ingress": "defaultBackend:Backend ingressClassName:s rules:[Rule tls:[Tls",
    "PersistentVolumeClaim": (
        "accessModes:[s dataSource:o dataSourceRef:o resources:Resources selector:Selector "
        "storageClassName:s volumeAttributesClassName:s volumeMode:s volumeName:s"
    ),
}
_PARTS = {
    "Selector": "matchExpressions:[Expression matchLabels:t",
    "Expression": "key:s operator:In|NotIn|Exists|DoesNotExist values:[s",
    "To": "ports:[Way to:[Peer",
    "From": "from:[Peer ports:[Way",
    "Peer": "ipBlock:Block namespaceSelector:Selector podSelector:Selector",
    "Block": "cidr:s except:[s",
    "Way": "endPort:i port:q protocol:TCP|UDP|SCTP",
    "Namespaces": "any:b matchNames:[s",
    "Endpoint": (
        "authorization:o basicAuth:o bearerTokenSecret:o enableHttp2:b filterRunning:b "
        "followRedirects:b honorLabels:b honorTimestamps:b interval:s metricRelabelings:a "
        "noProxy:s oauth2:o params:o path:s port:s portNumber:i proxyConnectHeader:o "
        "proxyFromEnvironment:b proxyUrl:s relabelings:a scheme:s scrapeTimeout:s targetPort:q "
        "tlsConfig:o trackTimestampsStaleness:b"
    ),
    "Rule": "host:s http:Paths",
    "Paths": "paths:[Path",
    "Path": "backend:Backend path:s pathType:Exact|Prefix|ImplementationSpecific",
    "Backend": "resource:o service:Target",
    "Target": "name:s port:TargetPort",
    "TargetPort": "name:s number:i",
    "Tls": "hosts:[s secretName:s",
}
_REQUIRED = {
    "Document": ("apiVersion", "kind", "metadata", "spec"),
    "Block": ("cidr",),
    "Path": ("backend", "pathType"),
    "Paths": ("paths",),
    "Target": ("name",),
}
_REQUIRED_OF_SPECS = {
    "NetworkPolicy": ("podSelector",),
    "PodMonitor": ("podMetricsEndpoints", "selector"),
    "PodDisruptionBudget": ("selector",),
    "PersistentVolumeClaim": ("accessModes", "resources"),
}
OTHER_KINDS = frozenset((
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "CustomResourceDefinition",
    "DaemonSet", "Deployment", "Gateway", "HTTPRoute", "HorizontalPodAutoscaler", "Job",
    "LimitRange", "Namespace", "Pod", "PriorityClass", "ResourceQuota", "Role", "RoleBinding",
    "Secret", "Service", "ServiceAccount", "ServiceMonitor", "ServingRuntime", "StatefulSet",
    "StorageClass", "PersistentVolume",
    "ReplicaSet", "Endpoints", "EndpointSlice", "IngressClass", "PrometheusRule", "Probe",
))  # fmt: skip
"""Kinds that often stand beside, whose fields are not looked through here."""
KINDS = frozenset({*_SPECS, *OTHER_KINDS})
VERSIONS = frozenset((
    "v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1", "autoscaling/v2",
    "monitoring.coreos.com/v1", "ray.io/v1", "ray.io/v1alpha1",
))  # fmt: skip
"""Versions of whose kinds the usual ones are known here."""


@lru_cache
def around_schema(kind: str) -> Mapping[str, Any] | None:
    """The schema of a document of this kind; none where its fields are not known here."""
    if kind not in _SPECS:
        return None
    own = {
        "Document": f"apiVersion:s kind:{kind} metadata:Meta spec:Spec status:o",
        "Spec": _SPECS[kind],
        "Meta": SHAPES["Meta"],
        "Resources": SHAPES["Resources"],
    }
    required = {**_REQUIRED, "Spec": _REQUIRED_OF_SPECS.get(kind, ())}
    return schema_of("Document", {**own, **_PARTS}, required)
