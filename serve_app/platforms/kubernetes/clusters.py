"""What is wrong with a RayCluster: what is wrong with the same cluster of a RayService."""

from __future__ import annotations

from collections.abc import Callable

from serve_app.documents.walk import mapping
from serve_app.platforms.kubernetes import operator_rules, pod_rules, service_rules
from serve_app.platforms.kubernetes.groups import CLUSTER, Body, Path, Wrong

KIND = "RayCluster"
RULES: tuple[Callable[[Body], Wrong], ...] = (
    operator_rules.names,
    operator_rules.versions,
    operator_rules.containers,
    operator_rules.replicas,
    operator_rules.autoscaler,
    operator_rules.tokens,
    operator_rules.redis,
    operator_rules.gates,
    operator_rules.start_parameters,
    *pod_rules.RULES,
    service_rules.images,
    service_rules.ray_versions,
    service_rules.secrets,
    service_rules.secrets_that_may_be_missing,
    service_rules.line_breaks,
)
"""Those of a RayService that speak of its cluster alone."""
_UPGRADES: Path = (*CLUSTER, "upgradeStrategy")


def wrong(body: Body) -> Wrong:
    """What its rules say, by where it stands in the RayCluster."""
    cluster = mapping(body.get("spec"))
    service = {**body, "spec": {CLUSTER[-1]: cluster}}
    for rule in RULES:
        for path, message in rule(service):
            if path[: len(CLUSTER)] == CLUSTER and path != _UPGRADES:
                yield ("spec", *path[len(CLUSTER) :]), message
            elif path[:1] != ("spec",):
                yield path, message
