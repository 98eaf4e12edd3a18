"""All documents of an installation, as the chart and the plain files have them."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.platforms.kubernetes.around import (
    disruption_budget,
    first_answer,
    head_network_policy,
    ingress,
    network_policy,
    pod_monitor,
    serving_runtime,
    state_claim,
)
from serve_app.platforms.kubernetes.labels import LABELS
from serve_app.platforms.kubernetes.pods import ENVIRONMENT, POD_SECURITY, SECURITY
from serve_app.platforms.kubernetes.service import ray_service
from serve_app.platforms.kubernetes.tree import Release, Tree, resolved


@dataclass(frozen=True, slots=True)
class Part:
    """One document: the file of the chart that it is, and the value without which it is left out.

    Those that only Helm understands stand in no plain file.
    """

    file: str
    tree: Tree
    given: str | None = None
    plain: bool = True


PARTS = (
    Part("state-claim.yaml", state_claim(), "state.enabled"),
    Part("ray-service.yaml", ray_service()),
    Part("disruption-budget.yaml", disruption_budget(), "podDisruptionBudget.enabled"),
    Part("network-policy.yaml", network_policy(), "networkPolicy.enabled"),
    Part("head-network-policy.yaml", head_network_policy(), "networkPolicy.enabled"),
    Part("pod-monitor.yaml", pod_monitor(), "podMonitors.enabled"),
    Part("ingress.yaml", ingress(), "ingress.enabled"),
    Part("serving-runtime.yaml", serving_runtime(), "servingRuntime.enabled"),
    Part("tests/first-answer.yaml", first_answer(), plain=False),
)
SHARED = (LABELS, SECURITY, POD_SECURITY, ENVIRONMENT)
"""The helpers of the chart."""


def documents(release: Release) -> list[Tree]:
    """Everything that is installed, without what only Helm understands."""
    return [
        resolved(part.tree, release)
        for part in PARTS
        if part.plain and (part.given is None or release.value(part.given))
    ]
