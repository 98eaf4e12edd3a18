"""The fields of a RayService and of its pods, and the schema that lets nothing else through.

Kubernetes drops fields that it does not know without a word, so that a misspelt one is as good as
none. What is rarely written (affinities, kinds of volumes) is let through as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from serve_app.documents.shapes import schema_of

_PULLED = "Always|IfNotPresent|Never"
SHAPES = {
    "Document": "apiVersion:s kind:RayService metadata:Meta spec:ServiceSpec status:o",
    "Meta": (
        "annotations:t finalizers:[s generateName:s labels:t name:s namespace:s ownerReferences:a"
    ),
    "ServiceSpec": (
        "deploymentUnhealthySecondThreshold:i excludeHeadPodFromServeSvc:b managedBy:s "
        "rayClusterConfig:Cluster rayClusterDeletionDelaySeconds:i serveConfigV2:s "
        "serveService:o serviceUnhealthySecondThreshold:i suspend:b upgradeStrategy:Upgrade"
    ),
    "Cluster": (
        "authOptions:Auth autoscalerOptions:Autoscaler enableInTreeAutoscaling:b "
        "gcsFaultToleranceOptions:FaultTolerance headGroupSpec:Head headServiceAnnotations:t "
        "historyServerOptions:o managedBy:s networkPolicy:o rayVersion:s suspend:b "
        "tlsOptions:o upgradeStrategy:o workerGroupSpecs:[Workers"
    ),
    "Auth": "enableK8sTokenAuth:b mode:disabled|token secretName:s",
    "Autoscaler": (
        "args:[s command:[s env:[Variable envFrom:a idleTimeoutSeconds:0.. image:s "
        f"imagePullPolicy:{_PULLED} resources:Resources securityContext:Security "
        "upscalingMode:Default|Aggressive|Conservative version:v1|v2 volumeMounts:[Mount"
    ),
    "Variable": "name:s value:s valueFrom:Source",
    "Source": "configMapKeyRef:Key fieldRef:Field fileKeyRef:o resourceFieldRef:o secretKeyRef:Key",
    "Key": "key:s name:s optional:b",
    "Field": "apiVersion:s fieldPath:s",
    "Resources": "claims:a limits:r* requests:r*",
    "Security": (
        "allowPrivilegeEscalation:b appArmorProfile:o capabilities:Capabilities privileged:b "
        "procMount:s readOnlyRootFilesystem:b runAsGroup:i runAsNonRoot:b runAsUser:i "
        "seLinuxOptions:o seccompProfile:Seccomp windowsOptions:o"
    ),
    "Capabilities": "add:[s drop:[s",
    "Seccomp": "localhostProfile:s type:RuntimeDefault|Localhost|Unconfined",
    "Mount": (
        "mountPath:s mountPropagation:s name:s readOnly:b recursiveReadOnly:s subPath:s "
        "subPathExpr:s"
    ),
    "FaultTolerance": (
        "backend:redis|rocksdb externalStorageNamespace:s redisAddress:s "
        "redisPassword:Password redisUsername:Password storage:o"
    ),
    "Password": "value:s valueFrom:Source",
    "Head": (
        "enableIngress:b headService:o ingressOptions:o labels:t rayStartParams:t resources:t "
        "serviceType:s template:Template"
    ),
    "PodSpec": (
        "activeDeadlineSeconds:i affinity:o automountServiceAccountToken:b "
        "containers:[Container dnsConfig:o "
        "dnsPolicy:ClusterFirst|ClusterFirstWithHostNet|Default|None enableServiceLinks:b "
        "ephemeralContainers:a hostAliases:a hostIPC:b hostNetwork:b hostPID:b hostUsers:b "
        "hostname:s hostnameOverride:s imagePullSecrets:[Reference initContainers:[Container "
        "nodeName:s nodeSelector:t os:o overhead:r* preemptionPolicy:Never|PreemptLowerPriority "
        "priority:i "
        "priorityClassName:s readinessGates:a resourceClaims:a resources:o "
        "restartPolicy:Always|OnFailure|Never "
        "runtimeClassName:s schedulerName:s schedulingGates:a schedulingGroup:o "
        "securityContext:PodSecurity serviceAccount:s serviceAccountName:s "
        "setHostnameAsFQDN:b shareProcessNamespace:b subdomain:s "
        "terminationGracePeriodSeconds:0.. tolerations:[Toleration "
        "topologySpreadConstraints:[Spread volumes:[Volume"
    ),
    "Container": (
        "args:[s command:[s env:[Variable envFrom:a image:s "
        f"imagePullPolicy:{_PULLED} "
        "lifecycle:Lifecycle livenessProbe:Probe name:s ports:[Port readinessProbe:Probe "
        "resizePolicy:a resources:Resources restartPolicy:s restartPolicyRules:a "
        "securityContext:Security startupProbe:Probe stdin:b stdinOnce:b "
        "terminationMessagePath:s "
        "terminationMessagePolicy:File|FallbackToLogsOnError tty:b volumeDevices:a "
        "volumeMounts:[Mount workingDir:s"
    ),
    "Lifecycle": "postStart:Hook preStop:Hook stopSignal:s",
    "Hook": "exec:Exec httpGet:Http sleep:o tcpSocket:o",
    "Exec": "command:[s",
    "Http": "host:s httpHeaders:a path:s port:portorname scheme:HTTP|HTTPS",
    "Probe": (
        "exec:Exec failureThreshold:1.. grpc:o httpGet:Http initialDelaySeconds:0.. "
        "periodSeconds:1.. successThreshold:1.. tcpSocket:o terminationGracePeriodSeconds:1.. "
        "timeoutSeconds:1.."
    ),
    "Port": "containerPort:port hostIP:s hostPort:port name:portname protocol:TCP|UDP|SCTP",
    "Reference": "name:s",
    "PodSecurity": (
        "appArmorProfile:o fsGroup:i fsGroupChangePolicy:OnRootMismatch|Always runAsGroup:i "
        "runAsNonRoot:b "
        "runAsUser:i seLinuxChangePolicy:s seLinuxOptions:o seccompProfile:Seccomp "
        "supplementalGroups:a supplementalGroupsPolicy:Merge|Strict sysctls:a windowsOptions:o"
    ),
    "Toleration": (
        "effect:|NoSchedule|PreferNoSchedule|NoExecute key:s operator:Exists|Equal|Lt|Gt "
        "tolerationSeconds:i value:s"
    ),
    "Spread": (
        "labelSelector:o matchLabelKeys:[s maxSkew:1.. minDomains:1.. "
        "nodeAffinityPolicy:Honor|Ignore nodeTaintsPolicy:Honor|Ignore topologyKey:s "
        "whenUnsatisfiable:DoNotSchedule|ScheduleAnyway"
    ),
    "Volume": (
        "awsElasticBlockStore:o azureDisk:o azureFile:o cephfs:o cinder:o configMap:o csi:o "
        "downwardAPI:o emptyDir:EmptyDir ephemeral:o fc:o flexVolume:o flocker:o "
        "gcePersistentDisk:o gitRepo:o glusterfs:o hostPath:o image:o iscsi:o name:s nfs:o "
        "persistentVolumeClaim:Claim photonPersistentDisk:o portworxVolume:o projected:o "
        "quobyte:o rbd:o scaleIO:o secret:SecretVolume storageos:o vsphereVolume:o"
    ),
    "EmptyDir": ("medium:|Memory|HugePages|HugePages-2Mi|HugePages-1Gi sizeLimit:bytes"),
    "Claim": "claimName:s readOnly:b",
    "SecretVolume": "defaultMode:i items:a optional:b secretName:s",
    "Template": "metadata:Meta spec:PodSpec",
    "Workers": (
        "groupName:s idleTimeoutSeconds:i labels:t maxReplicas:i minReplicas:i numOfHosts:i "
        "priority:i rayStartParams:t replicas:i resources:t scaleStrategy:Strategy suspend:b "
        "template:Template"
    ),
    "Strategy": "workersToDelete:[s",
    "Upgrade": "clusterUpgradeOptions:UpgradeOptions type:s",
    "UpgradeOptions": "gatewayClassName:s intervalSeconds:i maxSurgePercent:i stepSizePercent:i",
}
"""Each field with its kind: one of those above, another shape, a list of one (`[`), or words."""
OF_PODS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Template": ("spec",),
        "PodSpec": ("containers",),
        "Container": ("name", "image"),
        "Variable": ("name",),
        "Key": ("key", "name"),
        "Mount": ("mountPath", "name"),
        "Volume": ("name",),
        "Port": ("containerPort",),
        "Http": ("port",),
        "Claim": ("claimName",),
        "SecretVolume": ("secretName",),
        "Spread": ("maxSkew", "topologyKey", "whenUnsatisfiable"),
    }
)
"""The fields that pods and their parts cannot do without."""
_REQUIRED = {
    "Document": ("apiVersion", "kind", "metadata", "spec"),
    "ServiceSpec": ("rayClusterConfig",),
    "Cluster": ("headGroupSpec",),
    "Head": ("template",),
    "Workers": ("groupName", "template"),
    **OF_PODS,
}


@lru_cache
def schema() -> Mapping[str, Any]:
    """The schema of one document of kind RayService."""
    return schema_of("Document", SHAPES, _REQUIRED)


@lru_cache
def cluster_schema() -> Mapping[str, Any]:
    """The schema of one document of kind RayCluster, whose `spec` is a RayService's cluster."""
    document = "apiVersion:s kind:RayCluster metadata:Meta spec:Cluster status:o"
    return schema_of("Document", {**SHAPES, "Document": document}, _REQUIRED)
