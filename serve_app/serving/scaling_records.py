"""What the autoscaler decided and why, kept where the whole cluster can read it.

The policy computes in Serve's controller, which nobody can ask; Ray's key-value store is what
the controller and the replicas share.
"""

import json
import logging
from typing import Any

import ray
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_list, _internal_kv_put

NAMESPACE = "serve_app_scaling"
logger = logging.getLogger("serve_app.control")


def key_of(application: str, deployment: str) -> str:
    """The key of a deployment's record."""
    return f"{application}/{deployment}"


def write(key: str, record: dict[str, Any]) -> None:
    """Keep the newest record of a deployment. It blocks for a call to Ray."""
    _internal_kv_put(key, json.dumps(record), namespace=NAMESPACE)


def read(key: str) -> dict[str, Any]:
    """The newest record of a deployment, empty where there is none. It blocks."""
    content = _internal_kv_get(key, namespace=NAMESPACE)
    record: dict[str, Any] = json.loads(content) if content else {}
    return record


def read_all() -> dict[str, dict[str, Any]]:
    """The newest records of all deployments, by key. It blocks."""
    keys = _internal_kv_list("", namespace=NAMESPACE)
    return {key.decode(): read(key.decode()) for key in keys}


def standing() -> dict[str, Any]:
    """What was decided of each deployment, and the CPUs that are there for it. It blocks."""
    try:
        return {
            "scaling": read_all(),
            "cpus_free": ray.available_resources().get("CPU", 0.0),  # type: ignore[no-untyped-call]
            "cpus": ray.cluster_resources().get("CPU", 0.0),  # type: ignore[no-untyped-call]
        }
    except Exception as error:  # noqa: BLE001 - Ray's stores; the rest is known all the same
        logger.warning("scaling cannot be read", extra={"why": type(error).__name__})
        return {"scaling": {}, "cpus_free": None, "cpus": None}
