"""What the nodes of a cluster have, as Ray's dashboard tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.cluster.dashboard import Dashboard
from serve_app.errors import ServeError

Totals = tuple[Mapping[str, float], ...]
_TIMEOUT_S = 5.0


def fixed_nodes(dashboard: Dashboard) -> Totals | None:
    """What each living node has in all, by Ray's names of resources.

    None where that says nothing of what can be placed: Ray's autoscaler may start other nodes, or
    the dashboard does not tell.
    """
    try:
        status = dashboard.get("/api/cluster_status", timeout_s=_TIMEOUT_S)
        if _may_grow(status):
            return None
        nodes = dashboard.get("/api/v0/nodes?detail=true", timeout_s=_TIMEOUT_S)
        return _living(nodes)
    except (ServeError, KeyError, TypeError, AttributeError):
        return None


def _may_grow(status: Any) -> bool:
    """Whether an autoscaler starts nodes.

    Where none was configured, Ray reports through one that only looks on and names a type of its
    own after each node. Any other type is of a configuration; an autoscaler of the second
    generation (KubeRay's) reports nothing here.
    """
    types = status["data"]["clusterStatus"]["autoscalerReport"]["nodeTypeMapping"]
    return not types or any(kind != f"node_{node}" for node, kind in types.items())


def _living(nodes: Any) -> Totals:
    entries = nodes["data"]["result"]["result"]
    return tuple(node["resources_total"] for node in entries if node["state"] == "ALIVE")
