"""`serve-app status`: the same picture as the Ray dashboard, with endpoints beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.errors import ServeError
from serve_app.serving import web
from serve_app.serving.cluster import Cluster, Running
from serve_app.serving.in_effect import declared_hash, deployed, gateways, not_in_effect
from serve_app.serving.messages import cause, causes


@click.command()
@output.option_state
@output.as_json
def status(state: str, as_json: bool) -> None:
    """Show applications, replicas and their bounds, endpoints, variants and weights.

    What was deployed and is not in effect on every gateway yet stands last, with the reason.
    """
    running = Cluster(Path(state)).require()
    serve = web.get(f"{running.dashboard_url}/api/serve/applications/", keys=("applications",))
    with web.understood(running.dashboard_url):
        applications = [
            _deployment(app, name, deployment)
            for app, body in sorted(serve["applications"].items())
            for name, deployment in sorted((body["deployments"] or {"": body}).items())
        ]
    try:
        standing = web.get(f"{running.http_url}/v1/endpoints", keys=("snapshot", "endpoints"))
    except ServeError:
        # While no gateway answers; what follows says why not.
        standing = {"snapshot": 0, "endpoints": [], "waiting": {}, "set_at_run_time": {}}
    missing = _not_in_effect(running, serve["applications"])
    if as_json:
        output.print_json({"applications": applications, **standing, "not_in_effect": missing})
        return
    output.print_table(
        "Applications",
        ["application", "deployment", "status", "replicas", "bounds", "message"],
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
    for problem in missing:
        click.echo(f"not in effect: {problem}")


def _not_in_effect(running: Running, applications: dict[str, Any]) -> list[str]:
    """What Serve was given and is not in effect on every gateway, or why nobody can tell."""
    missing = [
        f"application {name} is {body['status']}: {causes(body)}"
        for name, body in sorted(applications.items())
        if body["status"] != "RUNNING"
    ]
    declaration = declared_hash(deployed(applications))
    if declaration is None:
        return missing
    try:
        said = web.get(f"{running.http_url}/v1/status", timeout_s=15.0)
    except ServeError as error:
        return [*missing, error.message]
    return [*missing, *not_in_effect(said, declaration, gateways(applications))]


def endpoint_rows(endpoints: list[dict[str, Any]]) -> list[list[Any]]:
    """One row per variant; what belongs to the endpoint stands in its first."""
    rows: list[list[Any]] = []
    for endpoint in endpoints:
        preprocess = endpoint["preprocess"]
        placed = f"{preprocess['version']} ({preprocess['placement']})" if preprocess else None
        route = endpoint["route"] + (f" by {endpoint['key']}" if endpoint["key"] else "")
        route += f": {endpoint['combine']}" if endpoint["combine"] else ""
        first = [endpoint["name"], route]
        last = [placed, endpoint["fallback"]]
        for variant in endpoint["variants"]:
            rows.append([*first, variant["version"], f"{variant['weight']:g}", *last])
            first, last = [None, None], [None, None]
    return rows


def _application_row(one: dict[str, Any]) -> list[Any]:
    bounds = f"{one['min_replicas']}-{one['max_replicas']}"
    if one["min_replicas"] == one["max_replicas"]:
        bounds = "fixed"
    shown = ("application", "deployment", "status", "replicas")
    return [*(one[name] for name in shown), bounds, one["message"]]


def _deployment(app: str, name: str, deployment: dict[str, Any]) -> dict[str, Any]:
    replicas = deployment.get("replicas", [])
    scaling = (deployment.get("deployment_config") or {}).get("autoscaling_config")
    fixed = (deployment.get("deployment_config") or {}).get("num_replicas")
    running = sum(replica["state"] == "RUNNING" for replica in replicas)
    return {
        "application": app,
        "deployment": name,
        "status": deployment.get("status", "NOT_STARTED"),
        "replicas": running,
        "min_replicas": scaling["min_replicas"] if scaling else fixed,
        "max_replicas": scaling["max_replicas"] if scaling else fixed,
        "message": cause(deployment.get("message") or ""),
    }
