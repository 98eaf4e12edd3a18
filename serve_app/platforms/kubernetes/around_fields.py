"""The fields of what stands around Ray's pods, and which kinds there are.

Of these, too, Kubernetes drops fields that it does not know: a policy whose selector is misspelt
would let everybody in, or nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from serve_app.documents.shapes import schema_of
from serve_app.platforms.kubernetes.fields import OF_PODS, SHAPES

_ACTIONS = (
    "replace|Replace|keep|Keep|drop|Drop|hashmod|HashMod|labelmap|LabelMap|labeldrop|LabelDrop|"
    "labelkeep|LabelKeep|lowercase|Lowercase|uppercase|Uppercase|keepequal|KeepEqual|dropequal|"
    "DropEqual"
)
_KNATIVE = "Service of Knative"
_KNATIVE_GROUP = "serving.knative.dev/"
_SPECS = {
    "PodDisruptionBudget": (
        "maxUnavailable:share minAvailable:share selector:Selector "
        "unhealthyPodEvictionPolicy:IfHealthyBudget|AlwaysAllow"
    ),
    "NetworkPolicy": "egress:[To ingress:[From podSelector:Selector policyTypes:[Ingress|Egress",
    "PodMonitor": (
        "attachMetadata:o bodySizeLimit:q fallbackScrapeProtocol:s jobLabel:s keepDroppedTargets:i "
        "labelLimit:i labelNameLengthLimit:i labelValueLengthLimit:i namespaceSelector:Namespaces "
        "podMetricsEndpoints:[Endpoint podTargetLabels:[s sampleLimit:i scrapeClass:s "
        "scrapeProtocols:[s selector:Selector selectorMechanism:s targetLimit:i"
    ),
    "Ingress": "defaultBackend:Backend ingressClassName:s rules:[Rule tls:[Tls",
    "PersistentVolumeClaim": (
        "accessModes:[ReadWriteOnce|ReadOnlyMany|ReadWriteMany|ReadWriteOncePod dataSource:o "
        "dataSourceRef:o resources:Storage selector:Selector "
        "storageClassName:s volumeAttributesClassName:s volumeMode:Filesystem|Block volumeName:s"
    ),
    "Pod": SHAPES["PodSpec"],
    "Deployment": (
        "minReadySeconds:0.. paused:b progressDeadlineSeconds:0.. replicas:0.. "
        "revisionHistoryLimit:0.. "
        "selector:Selector strategy:o template:Template"
    ),
    "Service": (
        "allocateLoadBalancerNodePorts:b clusterIP:s clusterIPs:[s externalIPs:[s externalName:s "
        "externalTrafficPolicy:Cluster|Local healthCheckNodePort:port "
        "internalTrafficPolicy:Cluster|Local ipFamilies:[s "
        "ipFamilyPolicy:SingleStack|PreferDualStack|RequireDualStack loadBalancerClass:s "
        "loadBalancerIP:s loadBalancerSourceRanges:[s "
        "ports:[ServicePort publishNotReadyAddresses:b selector:t sessionAffinity:None|ClientIP "
        "sessionAffinityConfig:o trafficDistribution:s "
        "type:ClusterIP|NodePort|LoadBalancer|ExternalName"
    ),
    _KNATIVE: "template:Revision traffic:[Share",
    "ServingRuntime": (
        f"{SHAPES['PodSpec']} annotations:t builtInAdapter:o disabled:b grpcDataEndpoint:s "
        "grpcEndpoint:s httpDataEndpoint:s labels:t multiModel:b protocolVersions:[s replicas:i "
        "storageHelper:o supportedModelFormats:[Format supportedUris:a workerSpec:o"
    ),
}
_PARTS = {
    "Selector": "matchExpressions:[Expression matchLabels:t",
    "Expression": "key:s operator:In|NotIn|Exists|DoesNotExist values:[s",
    "To": "ports:[Way to:[Peer",
    "From": "from:[Peer ports:[Way",
    "Peer": "ipBlock:Block namespaceSelector:Selector podSelector:Selector",
    "Block": "cidr:s except:[s",
    "Way": "endPort:port port:portorname protocol:TCP|UDP|SCTP",
    "Namespaces": "any:b matchNames:[s",
    "Endpoint": (
        "authorization:o basicAuth:o bearerTokenSecret:o enableHttp2:b filterRunning:b "
        "followRedirects:b honorLabels:b honorTimestamps:b interval:s "
        "metricRelabelings:[Relabeling noProxy:s oauth2:o params:o path:s port:s portNumber:port "
        "proxyConnectHeader:o proxyFromEnvironment:b proxyUrl:s relabelings:[Relabeling "
        "scheme:http|https|HTTP|HTTPS "
        "scrapeTimeout:s targetPort:portorname tlsConfig:o trackTimestampsStaleness:b"
    ),
    "Relabeling": (
        f"action:{_ACTIONS} modulus:i regex:s replacement:s separator:s sourceLabels:[s "
        "targetLabel:s"
    ),
    "Storage": "limits:v* requests:v*",
    "Rule": "host:s http:Paths",
    "Paths": "paths:[Path",
    "Path": "backend:Backend path:s pathType:Exact|Prefix|ImplementationSpecific",
    "Backend": "resource:o service:Target",
    "Target": "name:s port:TargetPort",
    "TargetPort": "name:portname number:port",
    "Tls": "hosts:[s secretName:s",
    "ServicePort": (
        "appProtocol:s name:s nodePort:port port:port protocol:TCP|UDP|SCTP targetPort:portorname"
    ),
    "Revision": "metadata:Meta spec:RevisionSpec",
    "RevisionSpec": f"{SHAPES['PodSpec']} containerConcurrency:0..1000 timeoutSeconds:1..3600",
    "Share": "latestRevision:b percent:0..100 revisionName:s tag:s url:s",
    "Format": "autoSelect:b name:s priority:i version:s",
}
_REQUIRED = {
    "Document": ("apiVersion", "kind", "metadata", "spec"),
    "Block": ("cidr",),
    "Path": ("backend", "pathType"),
    "Paths": ("paths",),
    "Target": ("name",),
    "ServicePort": ("port",),
    "RevisionSpec": ("containers",),
    "Format": ("name",),
}
_OF_KUBERNETES = frozenset(("Pod", "Deployment", "Service"))
"""Kinds that others, too, name kinds of theirs after."""
_REQUIRED_OF_SPECS = {
    "NetworkPolicy": ("podSelector",),
    "PodMonitor": ("podMetricsEndpoints", "selector"),
    "PodDisruptionBudget": ("selector",),
    "PersistentVolumeClaim": ("accessModes", "resources"),
    "Pod": ("containers",),
    "Deployment": ("selector", "template"),
    "ServingRuntime": ("containers",),
    _KNATIVE: ("template",),
}
OTHER_KINDS = frozenset((
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "CustomResourceDefinition",
    "DaemonSet", "Gateway", "HTTPRoute", "HorizontalPodAutoscaler", "Job",
    "LimitRange", "Namespace", "PriorityClass", "ResourceQuota", "Role", "RoleBinding",
    "Secret", "ServiceAccount", "ServiceMonitor", "StatefulSet",
    "StorageClass", "PersistentVolume",
    "ReplicaSet", "Endpoints", "EndpointSlice", "IngressClass", "PrometheusRule", "Probe",
))  # fmt: skip
"""Kinds that often stand beside, whose fields are not looked through here."""
KINDS = frozenset({*_SPECS, *OTHER_KINDS} - {_KNATIVE})
VERSIONS = frozenset((
    "v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1", "autoscaling/v2",
    "monitoring.coreos.com/v1", "ray.io/v1", "ray.io/v1alpha1",
))  # fmt: skip
"""Versions of whose kinds the usual ones are known here."""


@lru_cache
def around_schema(kind: str, version: str) -> Mapping[str, Any] | None:
    """The schema of a document of this kind; none where its fields are not known here."""
    name = _KNATIVE if (kind, version.startswith(_KNATIVE_GROUP)) == ("Service", True) else kind
    if name not in _SPECS or (name in _OF_KUBERNETES and version not in VERSIONS):
        return None
    own = {
        "Document": f"apiVersion:s kind:{kind} metadata:Meta spec:Spec status:o",
        "Spec": _SPECS[name],
    }
    required = {**OF_PODS, **_REQUIRED, "Spec": _REQUIRED_OF_SPECS.get(name, ())}
    if name == _KNATIVE:
        # It names a container by itself.
        required["Container"] = ("image",)
    return schema_of("Document", {**SHAPES, **own, **_PARTS}, required)
