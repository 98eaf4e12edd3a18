"""What runs and what is in effect, in one document: of Serve, of a gateway and of control."""

from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.cluster import web
from serve_app.serving import scaling_records
from serve_app.serving.deploying.in_effect import (
    declared_hash,
    deployed,
    failing_work,
    gateways,
    held,
    not_in_effect,
)
from serve_app.serving.express_choice import words_of
from serve_app.serving.messages import cause, causes
from serve_app.serving.scaling_words import scaling_of, why

NOTHING_STANDS: Mapping[str, Any] = {
    "snapshot": 0,
    "endpoints": [],
    "waiting": {},
    "set_at_run_time": {},
}
"""What stands while no gateway answers."""


def overview(
    details: Mapping[str, Any], standing: Mapping[str, Any], effect: Mapping[str, Any] | str
) -> dict[str, Any]:
    """The document that `serve-app status --json` prints.

    `details` is what Serve tells of itself, `standing` what a gateway tells of the endpoints, and
    `effect` what control says is in effect, or why it cannot be asked.

    Raises:
        ServerFault: Serve's answer is in an unknown form.
    """
    known = {} if isinstance(effect, str) else effect
    with web.understood("Serve"):
        applications = details["applications"]
        rows = [_deployment(*one, known) for one in _deployments(applications)]
        missing = _not_in_effect(effect, applications)
        ways = dict(words_of(details))
    return {
        "applications": rows,
        **standing,
        "request_ways": ways,
        "not_in_effect": missing,
        "failing": failing_work(known),
    }


def applications(details: Mapping[str, Any]) -> dict[str, Any]:
    """The applications with their deployments and replicas, out of what Serve tells of itself."""
    return {
        name: {
            "status": body["status"],
            "message": causes(body),
            "deployments": {
                deployment: {
                    "status": one["status"],
                    "message": cause(one.get("message") or ""),
                    "replicas": [_replica(replica) for replica in one.get("replicas") or ()],
                }
                for deployment, one in sorted((body.get("deployments") or {}).items())
            },
        }
        for name, body in sorted(details["applications"].items())
    }


def scaling(effect: Mapping[str, Any]) -> dict[str, Any]:
    """What the autoscaler decided, out of what control says is in effect."""
    return {
        "deployments": effect.get("scaling", {}),
        "cpus": effect.get("cpus"),
        "cpus_free": effect.get("cpus_free"),
    }


def _replica(replica: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": replica.get("replica_id", ""),
        "state": replica["state"],
        "node": replica.get("node_ip"),
        "process": replica.get("pid"),
    }


def _deployments(
    applications: Mapping[str, Any],
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for app, body in sorted(applications.items()):
        for name, deployment in sorted((body["deployments"] or {"": body}).items()):
            yield app, name, deployment


def _not_in_effect(effect: Mapping[str, Any] | str, applications: Mapping[str, Any]) -> list[str]:
    """What Serve was given and is not in effect on every gateway, or why nobody can tell."""
    missing = [
        f"application {name} is {body['status']}: {causes(body)}"
        for name, body in sorted(applications.items())
        if body["status"] != "RUNNING"
    ]
    declaration = declared_hash(deployed(applications))
    if declaration is None:
        return missing
    if isinstance(effect, str):
        return [*missing, effect]
    missing += not_in_effect(effect, declaration, gateways(applications))
    return [*missing, *held(effect)]


def _deployment(
    app: str, name: str, deployment: Mapping[str, Any], effect: Mapping[str, Any]
) -> dict[str, Any]:
    record = effect.get("scaling", {}).get(scaling_records.key_of(app, name), {})
    stands = scaling_of(deployment, record)
    bounds = (deployment.get("deployment_config") or {}).get("autoscaling_config")
    fixed = (deployment.get("deployment_config") or {}).get("num_replicas")
    return {
        "application": app,
        "deployment": name,
        "status": deployment.get("status", "NOT_STARTED"),
        "replicas": stands.running,
        "target_replicas": stands.target,
        "wanted_replicas": stands.wanted,
        "why": why(stands, effect.get("cpus_free"), effect.get("cpus")),
        "changes": record.get("changes", []),
        "min_replicas": bounds["min_replicas"] if bounds else fixed,
        "max_replicas": bounds["max_replicas"] if bounds else fixed,
        "message": cause(deployment.get("message") or ""),
    }
