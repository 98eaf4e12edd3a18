"""`serve-app status`: the same picture as the Ray dashboard, with endpoints beside it."""

from __future__ import annotations

from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, Place, option_server
from serve_app.cli.endpoint_tables import ENDPOINT_HEADS, endpoint_rows
from serve_app.cluster import web
from serve_app.errors import ServeError
from serve_app.serving.scaling_words import last_changes


@click.command()
@option_server
@output.option_state
@output.as_json
def status(server: str | None, state: str, as_json: bool) -> None:
    """Show applications, replicas, why there are so many, endpoints, variants and weights.

    Replicas stand as those that run and, where it is another number, those that are to: 1 -> 2.
    The last changes of their numbers follow, newest first, with the reason of each. Which way
    requests take to a gateway stands there where it is not the shortest one, with why. What was
    deployed and is not in effect on every gateway yet stands last, with the reason.
    """
    place = Place(server, state)
    body = place.ask(AdminClient.status, lambda: _by_dashboard(place))
    if as_json:
        output.print_json(body)
        return
    with web.understood(server or "the admin API"):
        _print(body)


def _by_dashboard(place: Place) -> dict[str, Any]:
    """The same while no gateway answers, out of what Ray's dashboard tells."""
    # It imports Ray, which takes seconds.
    from serve_app.serving.overview import NOTHING_STANDS, overview

    running = place.running()
    details = running.dashboard.serve_details()
    try:
        standing = web.get(f"{running.http_url}/v1/endpoints", keys=("snapshot", "endpoints"))
    except ServeError:
        standing = dict(NOTHING_STANDS)
    try:
        effect: dict[str, Any] | str = web.get(f"{running.http_url}/v1/status", timeout_s=15.0)
    except ServeError as error:
        effect = error.message
    with web.understood(running.dashboard_url):
        return overview(details, standing, effect)


def _print(body: dict[str, Any]) -> None:
    from serve_app.serving.express_choice import PASSED_BY

    rows = body["applications"]
    output.print_table(
        "Applications",
        ["application", "deployment", "status", "replicas", "bounds", "why", "message"],
        [_application_row(one) for one in rows],
    )
    output.print_table(
        f"Endpoints (snapshot {body['snapshot']})", ENDPOINT_HEADS, endpoint_rows(body["endpoints"])
    )
    for name, weights in body.get("set_at_run_time", {}).items():
        listed = ", ".join(f"{version}={weight:g}" for version, weight in weights.items())
        click.echo(f"{name}: set at run time, until a changed file is deployed: {listed}")
    records = {f"{one['application']}/{one['deployment']}": one for one in rows}
    for change in last_changes(records, records):
        click.echo(f"scaled: {change}")
    for gateway, way in body.get("request_ways", {}).items():
        if way != PASSED_BY:
            click.echo(f"{gateway}: {way}")
    for problem in body["not_in_effect"]:
        click.echo(f"not in effect: {problem}")
    for problem in body["failing"]:
        click.echo(f"failing: {problem}")


def _application_row(one: dict[str, Any]) -> list[Any]:
    bounds = f"{one['min_replicas']}-{one['max_replicas']}"
    if one["min_replicas"] == one["max_replicas"]:
        bounds = "fixed"
    replicas = str(one["replicas"])
    if one["target_replicas"] != one["replicas"]:
        replicas += f" -> {one['target_replicas']}"
    shown = ("application", "deployment", "status")
    return [*(one[name] for name in shown), replicas, bounds, one["why"], one["message"]]
