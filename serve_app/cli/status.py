"""`serve-app status`: the same picture as the Ray dashboard, with endpoints beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cluster import web
from serve_app.cluster.node import Cluster, Running
from serve_app.errors import ServeError
from serve_app.serving import scaling_records
from serve_app.serving.deploying.in_effect import (
    declared_hash,
    deployed,
    failing_work,
    gateways,
    not_in_effect,
)
from serve_app.serving.messages import cause, causes
from serve_app.serving.scaling_words import last_changes, scaling_of, why


@click.command()
@output.option_state
@output.as_json
def status(state: str, as_json: bool) -> None:
    """Show applications, replicas, why there are so many, endpoints, variants and weights.

    Replicas stand as those that run and, where it is another number, those that are to: 1 -> 2.
    The last changes of their numbers follow, newest first, with the reason of each. What was
    deployed and is not in effect on every gateway yet stands last, with the reason.
    """
    running = Cluster(Path(state)).require()
    serve = running.dashboard.serve_details()
    with web.understood(running.dashboard_url):
        deployments = [
            (app, name, deployment)
            for app, body in sorted(serve["applications"].items())
            for name, deployment in sorted((body["deployments"] or {"": body}).items())
        ]
    try:
        standing = web.get(f"{running.http_url}/v1/endpoints", keys=("snapshot", "endpoints"))
    except ServeError:
        # While no gateway answers; what follows says why not.
        standing = {"snapshot": 0, "endpoints": [], "waiting": {}, "set_at_run_time": {}}
    said = _said_by_control(running)
    missing = _not_in_effect(said, serve["applications"])
    effect = {} if isinstance(said, str) else said
    with web.understood(running.dashboard_url):
        applications = [_deployment(*one, effect) for one in deployments]
    if as_json:
        output.print_json(
            {
                "applications": applications,
                **standing,
                "not_in_effect": missing,
                "failing": failing_work(effect),
            }
        )
        return
    _print_tables(applications, standing)
    names = [scaling_records.key_of(app, name) for app, name, _ in deployments]
    for change in last_changes(effect.get("scaling", {}), names):
        click.echo(f"scaled: {change}")
    for problem in missing:
        click.echo(f"not in effect: {problem}")
    for problem in failing_work(effect):
        click.echo(f"failing: {problem}")


def _print_tables(applications: list[dict[str, Any]], standing: dict[str, Any]) -> None:
    output.print_table(
        "Applications",
        ["application", "deployment", "status", "replicas", "bounds", "why", "message"],
        [_application_row(one) for one in applications],
    )
    output.print_table(
        f"Endpoints (snapshot {standing['snapshot']})",
        ["endpoint", "route", "variant", "weight", "preprocess", "fallback"],
        endpoint_rows(standing["endpoints"]),
    )
    for name, weights in standing.get("set_at_run_time", {}).items():
        listed = ", ".join(f"{version}={weight:g}" for version, weight in weights.items())
        click.echo(f"{name}: set at run time, until a changed file is deployed: {listed}")


def _said_by_control(running: Running) -> dict[str, Any] | str:
    """What control says of what is in effect, or why it cannot be asked."""
    try:
        said: dict[str, Any] = web.get(f"{running.http_url}/v1/status", timeout_s=15.0)
    except ServeError as error:
        return error.message
    return said


def _not_in_effect(said: dict[str, Any] | str, applications: dict[str, Any]) -> list[str]:
    """What Serve was given and is not in effect on every gateway, or why nobody can tell."""
    missing = [
        f"application {name} is {body['status']}: {causes(body)}"
        for name, body in sorted(applications.items())
        if body["status"] != "RUNNING"
    ]
    declaration = declared_hash(deployed(applications))
    if declaration is None:
        return missing
    if isinstance(said, str):
        return [*missing, said]
    return [*missing, *not_in_effect(said, declaration, gateways(applications))]


def endpoint_rows(endpoints: list[dict[str, Any]]) -> list[list[Any]]:
    """One row per variant; what belongs to the endpoint stands in its first."""
    rows: list[list[Any]] = []
    for endpoint in endpoints:
        preprocess = endpoint["preprocess"]
        placed = f"{preprocess['version']} ({preprocess['placement']})" if preprocess else None
        first = [endpoint["name"], endpoint.get("summary", endpoint["route"])]
        last = [placed, endpoint["fallback"]]
        for variant in endpoint["variants"]:
            rows.append([*first, variant["version"], f"{variant['weight']:g}", *last])
            first, last = [None, None], [None, None]
    return rows


def _application_row(one: dict[str, Any]) -> list[Any]:
    bounds = f"{one['min_replicas']}-{one['max_replicas']}"
    if one["min_replicas"] == one["max_replicas"]:
        bounds = "fixed"
    replicas = str(one["replicas"])
    if one["target_replicas"] != one["replicas"]:
        replicas += f" -> {one['target_replicas']}"
    shown = ("application", "deployment", "status")
    return [*(one[name] for name in shown), replicas, bounds, one["why"], one["message"]]


def _deployment(
    app: str, name: str, deployment: dict[str, Any], effect: dict[str, Any]
) -> dict[str, Any]:
    record = effect.get("scaling", {}).get(scaling_records.key_of(app, name), {})
    stands = scaling_of(deployment, record)
    scaling = (deployment.get("deployment_config") or {}).get("autoscaling_config")
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
        "min_replicas": scaling["min_replicas"] if scaling else fixed,
        "max_replicas": scaling["max_replicas"] if scaling else fixed,
        "message": cause(deployment.get("message") or ""),
    }
