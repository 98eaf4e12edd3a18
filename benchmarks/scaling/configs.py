"""What is deployed: one endpoint in front of one forest, or the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from benchmarks.scaling.cluster import REPOSITORY

# How the forest's deployment scales; `max_replicas` is said by each scenario.
AUTOSCALING: dict[str, Any] = {
    "policy": {"policy_function": "serve_app.serving.autoscaling:ByLoad"},
    "min_replicas": 1,
    "target_ongoing_requests": 2,
    "metrics_interval_s": 1,
    "look_back_period_s": 5,
    "upscale_delay_s": 2,
    "downscale_delay_s": 10,
}
# What its policy is told besides.
DEPLOYMENT: dict[str, Any] = {"user_config": {"target_busy": 0.7, "target_wait_ms": 5}}
PLACES = {"registry": "./registry", "state": "./state"}
ENDPOINT = "forest"
# Eight bodies of 10,000 rows may wait; how calls are made of what waits is as it is by default.
GATEWAY: dict[str, Any] = {**PLACES, "coalesce": {"max_waiting_rows": 100_000}}


def application(version: str) -> str:
    """The name of a version's application."""
    return version.replace("@", "-")


def forest(version: str, scale: dict[str, Any]) -> dict[str, Any]:
    """A gateway, control, and a forest that scales as `scale` says."""
    name, _, number = version.partition("@")
    control = {
        "name": "Control",
        "num_replicas": 1,
        "max_ongoing_requests": 1000,
        "ray_actor_options": {"num_cpus": 0.1},
        "user_config": {
            "endpoints": {ENDPOINT: {"route": {"kind": "single", "model": version}}},
        },
    }
    gateway = {
        "name": "Gateway",
        "num_replicas": 1,
        "max_ongoing_requests": 1024,
        "max_queued_requests": 1024,
        "ray_actor_options": {"num_cpus": 0.3},
    }
    model = {
        "name": "Model",
        "max_ongoing_requests": 16,
        "max_queued_requests": 256,
        "max_surge_percent": 100,
        "ray_actor_options": {"num_cpus": 0.2},
        **scale,
    }
    return {
        "logging_config": {
            "log_level": "WARNING", "enable_access_log": False, "encoding": "JSON",
        },
        "applications": [
            _application("gateway", "/", "serve_app.app:gateway", GATEWAY, gateway),
            _application("control", None, "serve_app.app:control", PLACES, control),
            _application(
                application(version), None, "serve_app.app:model",
                {"model": name, "version": int(number), "registry": PLACES["registry"]}, model,
            ),
        ],
    }  # fmt: skip


def fixed(replicas: int) -> dict[str, Any]:
    """So many replicas, whatever the load."""
    return {"num_replicas": replicas}


def scaled(max_replicas: int) -> dict[str, Any]:
    """As many replicas as the load needs."""
    return {"autoscaling_config": {**AUTOSCALING, "max_replicas": max_replicas}, **DEPLOYMENT}


def demo() -> dict[str, Any]:
    """What `make demo` deploys."""
    file: Path = REPOSITORY / "configs" / "local.yaml"
    body: dict[str, Any] = yaml.safe_load(file.read_text())
    return body


def _application(
    name: str, prefix: str | None, path: str, args: dict[str, Any], deployment: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name, "route_prefix": prefix, "import_path": path, "args": args,
        "deployments": [deployment],
    }  # fmt: skip
