"""What the autoscaler decided, in words: how many replicas are wanted and what is in the way."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CHANGES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Scaling:
    """How one deployment stands: replicas that run, that Serve aims at, that the load wants.

    `pending` are those that no node has taken yet; each of them needs `cpus`.
    """

    running: int
    target: int
    pending: int
    cpus: float
    max_replicas: int | None
    record: Mapping[str, Any]

    @property
    def wanted(self) -> int:
        """How many the load asks for, or else Serve's target."""
        wanted = self.record.get("wanted")
        return self.target if wanted is None else int(wanted)


def scaling_of(deployment: Mapping[str, Any], record: Mapping[str, Any]) -> Scaling:
    """How a deployment stands, out of what Serve's REST API says of it and its record."""
    replicas = deployment.get("replicas") or []
    config = deployment.get("deployment_config") or {}
    bounds = config.get("autoscaling_config") or {}
    running = sum(replica["state"] == "RUNNING" for replica in replicas)
    starting = [replica for replica in replicas if replica["state"] == "STARTING"]
    return Scaling(
        running=running,
        target=deployment.get("target_num_replicas", running),
        pending=sum(not replica.get("node_id") for replica in starting),
        cpus=(config.get("ray_actor_options") or {}).get("num_cpus", 1.0),
        max_replicas=bounds.get("max_replicas"),
        record=record,
    )


def why(scaling: Scaling, free_cpus: float | None, all_cpus: float | None) -> str:
    """Why there are as many replicas as there are, and not as many as are wanted."""
    reason = str(scaling.record.get("why", ""))
    wanted = max(scaling.wanted, scaling.target)
    if scaling.pending and free_cpus is not None and free_cpus < scaling.cpus:
        room = scaling.target - scaling.pending
        return _joined(
            f"wants {wanted}, has room for {room}: {free_cpus:.2g} CPU free of {all_cpus:g}", reason
        )
    if scaling.max_replicas is not None and scaling.wanted > scaling.max_replicas:
        return _joined(f"wants {scaling.wanted}, at most {scaling.max_replicas}", reason)
    if wanted != scaling.running:
        return _joined(f"wants {wanted}", reason)
    return reason


def last_changes(records: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> list[str]:
    """The last changes of the numbers of replicas, newest first, a line each.

    `names` are the deployments that there are, as application/deployment.
    """
    changes = [
        (change["at_s"], f"{name}: {change['from']} -> {change['to']} replicas: {change['why']}")
        for name in names
        for change in records.get(name, {}).get("changes", [])
    ]
    newest = sorted(changes, reverse=True)[:CHANGES_SHOWN]
    return [f"{time.strftime('%H:%M:%S', time.localtime(at_s))} {words}" for at_s, words in newest]


def _joined(first: str, second: str) -> str:
    return f"{first} ({second})" if second else first
