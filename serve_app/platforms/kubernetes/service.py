"""The RayService: a cluster of Ray, and the config that Serve answers by."""

from __future__ import annotations

from serve_app.platforms.kubernetes.labels import metadata
from serve_app.platforms.kubernetes.pods import METRICS_PORT, SECURITY, head, worker
from serve_app.platforms.kubernetes.tree import Block, Given, Text, Tree, Value

CONTROL = "control"
"""What the head alone has, so that the application of this name, and its volume, stay on it."""
_CONTROL_PARAMETER = '"{\\"control\\": 1}"'
"""As a shell has to see it: the operator writes it behind `--resources=`."""

OBJECT_STORE = str(200 * 1024 * 1024)
"""Bytes, as everywhere else. Of itself Ray takes three tenths of a pod's memory, finds that the
volume at /dev/shm does not hold as much, and keeps its objects on a disk."""


def ray_service() -> Tree:
    """What KubeRay makes a cluster of, and a second one beside it for changes of the cluster."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": metadata(),
        "spec": {
            "upgradeStrategy": {"type": Value("upgradeStrategy")},
            "rayClusterDeletionDelaySeconds": Value("deletionDelaySeconds"),
            # The head has no replicas, so its proxy would send each request on to another pod.
            "excludeHeadPodFromServeSvc": True,
            "serveConfigV2": Block("serveConfigV2"),
            "rayClusterConfig": {
                "rayVersion": Value("rayVersion"),
                "authOptions": {"mode": "token", "secretName": Value("auth.existingSecret")},
                Given("faultTolerance.enabled"): {"gcsFaultToleranceOptions": _redis()},
                **_autoscaling(),
                "headGroupSpec": _head_group(),
                "workerGroupSpecs": [_worker_group()],
            },
        },
    }


def _redis() -> Tree:
    """Where the head's memory is kept, so that pods that serve do without it for a while."""
    password = {
        "name": Text("faultTolerance.existingSecret"),
        "key": Text("faultTolerance.passwordKey"),
    }
    return {
        "redisAddress": Value("faultTolerance.redisAddress"),
        Given("faultTolerance.existingSecret"): {
            "redisPassword": {"valueFrom": {"secretKeyRef": password}}
        },
    }


def _autoscaling() -> Tree:
    """Ray's own autoscaler, which knows what replicas wait for; no other may change the number."""
    options = {
        "version": "v2",
        "idleTimeoutSeconds": Value("autoscaling.idleTimeoutSeconds"),
        "securityContext": SECURITY,
        # It logs where the head reads it, and Ray writes into its home.
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - a volume of the pod's own
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    return {
        "enableInTreeAutoscaling": Value("autoscaling.enabled"),
        Given("autoscaling.enabled"): {"autoscalerOptions": options},
    }


def _head_group() -> Tree:
    return {
        "rayStartParams": {
            # No replica of a model shares the head's processor; what must be there says so.
            "num-cpus": "0",
            "resources": _CONTROL_PARAMETER,
            # The operator reaches it from its own pod; whoever has no token gets no answer.
            "dashboard-host": "0.0.0.0",  # noqa: S104 - a pod has an address of its own
            "metrics-export-port": str(METRICS_PORT),
            "object-store-memory": OBJECT_STORE,
        },
        "template": head(),
    }


def _worker_group() -> Tree:
    return {
        "groupName": "serving",
        "replicas": Value("workers.replicas"),
        "minReplicas": Value("workers.minReplicas"),
        "maxReplicas": Value("workers.maxReplicas"),
        "rayStartParams": {
            "metrics-export-port": str(METRICS_PORT),
            "object-store-memory": OBJECT_STORE,
        },
        "template": worker(),
    }
