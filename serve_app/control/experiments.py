"""What becomes of experiments: each function takes one and gives the next; nothing here acts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from serve_app.core.experiment import Experiment
from serve_app.core.snapshot import Endpoint
from serve_app.errors import Conflict

Action = Literal["start", "stop"]
DECLARED = "declared"


def planned(endpoint: Endpoint) -> Experiment | None:
    """The experiment that an endpoint describes, not started unless it is to be at once."""
    settings = endpoint.experiment
    if settings is None:
        return None
    begins = settings["start"] == "at once"
    return Experiment(
        name=settings["name"] or endpoint.name,
        digest=_digest(endpoint),
        phase="running" if begins else "ready",
        why=DECLARED,
    )


def standing(
    former: Mapping[str, Experiment], endpoints: Mapping[str, Endpoint]
) -> dict[str, Experiment]:
    """The experiments of declared endpoints: those that go on, and new ones in their beginning.

    One of the same variants and settings goes on, whatever else is declared anew.
    """
    experiments: dict[str, Experiment] = {}
    for name, endpoint in endpoints.items():
        plan = planned(endpoint)
        if plan is not None:
            known = former.get(name)
            goes_on = known is not None and known.digest == plan.digest
            experiments[name] = known if known is not None and goes_on else plan
    return experiments


def in_effect(experiment: Experiment, now_s: float) -> Experiment:
    """Once its endpoint stands; `now_s` is in seconds since 1970."""
    if experiment.phase != "running" or experiment.started_s is not None:
        return experiment
    return replace(experiment, started_s=now_s)


def acted(
    experiment: Experiment, action: Action, *, by: str, why: str, now_s: float, endpoint: str
) -> Experiment:
    """After somebody has started or stopped it.

    One that was stopped begins anew: what came before its start does not count.

    Raises:
        Conflict: it runs already, or there is nothing to stop; says what can be done.
    """
    name = f"the experiment {experiment.name!r} of endpoint {endpoint!r}"
    if action == "start":
        if experiment.phase == "running":
            msg = f"{name} is running already, and an endpoint has one at a time; stop it first"
            raise Conflict(msg)
        return replace(experiment, phase="running", started_s=None, stopped_s=None, by=by, why=why)
    if experiment.phase != "running":
        started = "has not been started" if experiment.phase == "ready" else "is stopped already"
        raise Conflict(f"{name} {started}; it can be started")
    return replace(experiment, phase="stopped", stopped_s=now_s, by=by, why=why)


def _digest(endpoint: Endpoint) -> str:
    """What an experiment is known by: its settings, and whom its route chooses how."""
    route = endpoint.route
    compared = {
        "experiment": dict(endpoint.experiment or {}),
        "kind": route.kind,
        "variants": [variant.version for variant in route.variants],
        "key": route.settings.get("key"),
        "assignment": route.settings.get("assignment"),
        "layer": route.settings.get("layer"),
    }
    text = json.dumps(compared, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
