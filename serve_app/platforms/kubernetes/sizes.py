"""Three installations to begin with: on one's own machine, small, and for production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_ON_THE_HEAD = {
    "state.enabled": True,
    # Two clusters would write one database of SQLite, and one volume is of one machine.
    "upgradeStrategy": "None",
    "registry.existingClaim": "serve-app-registry",
}


@dataclass(frozen=True, slots=True)
class Size:
    """Values that differ from the chart's, and whether control keeps its state on the head."""

    purpose: str
    values: Mapping[str, Any]
    state_on_head: bool = True


SIZES: Mapping[str, Size] = MappingProxyType(
    {
        "local": Size(
            "kind, minikube or k3s on one machine: a head and one pod that serves",
            {
                **_ON_THE_HEAD,
                "head.cpu": "1",
                "head.memory": "3Gi",
                "workers.cpu": "2",
                "workers.memory": "4Gi",
                "workers.replicas": 1,
                "workers.minReplicas": 1,
                "workers.maxReplicas": 1,
                "workers.topologyKey": "",
                "autoscaling.enabled": False,
                "state.size": "1Gi",
            },
        ),
        "small": Size(
            "SQLite on a volume of the head; one to four pods that serve",
            {
                **_ON_THE_HEAD,
                "workers.replicas": 1,
                "workers.minReplicas": 1,
                "workers.maxReplicas": 4,
                "workers.proxyThreads": 2,
            },
        ),
        "production": Size(
            "PostgreSQL and Redis outside, two to eight pods that serve, spread over zones",
            {
                "head.cpu": "4",
                "head.memory": "8Gi",
                "workers.proxyThreads": 2,
                "workers.topologyKey": "topology.kubernetes.io/zone",
                "database.enabled": True,
                "registry.existingClaim": "serve-app-registry",
                "records.existingClaim": "serve-app-records",
                "faultTolerance.enabled": True,
                "podDisruptionBudget.enabled": True,
                "networkPolicy.enabled": True,
                "networkPolicy.egress": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
                "podMonitors.enabled": True,
                "podMonitors.release": "prometheus",
                "prometheusUrl": "http://prometheus-operated.monitoring:9090",
                "ingress.enabled": True,
                "ingress.className": "nginx",
                "ingress.existingTlsSecret": "serve-app-tls",
            },
            state_on_head=False,
        ),
    }
)
