"""`serve-app endpoints`: who answers, and with which weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, Place, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.endpoint_tables import (
    COLUMN_HEADS,
    ENDPOINT_HEADS,
    column_rows,
    endpoint_rows,
)
from serve_app.cli.pairs import Pair
from serve_app.cluster import web
from serve_app.errors import NotFound

_WITHIN = click.option(
    "--timeout-s", "--timeout", default=180.0, show_default=True, help="How long to wait."
)
_REASON = click.option("--reason", help="Why, for those who look at `serve-app events` later.")


@click.group()
def endpoints() -> None:
    """See, add and remove endpoints, and change the weights of their variants."""


@endpoints.command("list")
@option_server
@output.option_state
@output.as_json
def list_(server: str | None, state: str, as_json: bool) -> None:
    """List the endpoints with their variants and weights as they are now."""
    standing = _standing(Place(server, state))
    if as_json:
        output.print_json(standing)
        return
    output.print_table(
        f"Endpoints (snapshot {standing['snapshot']})",
        ENDPOINT_HEADS,
        endpoint_rows(standing["endpoints"]),
    )


@endpoints.command()
@click.argument("name", shell_complete=complete_endpoint)
@option_server
@output.option_state
@output.as_json
def show(name: str, server: str | None, state: str, as_json: bool) -> None:
    """Show one endpoint: its route, variants and columns."""
    standing = _standing(Place(server, state))
    endpoint = next((e for e in standing["endpoints"] if e["name"] == name), None)
    if endpoint is None:
        known = ", ".join(e["name"] for e in standing["endpoints"]) or "none"
        msg = f"there is no endpoint {name!r}; endpoints: {known}"
        raise NotFound(msg)
    if as_json:
        output.print_json(endpoint)
        return
    output.print_table(f"Endpoint {name}", ENDPOINT_HEADS, endpoint_rows([endpoint]))
    output.print_table("Columns", COLUMN_HEADS, column_rows(endpoint["signature"]["inputs"]))
    result = endpoint["signature"]["output"]
    named = result["labels"] or [target["name"] for target in result.get("targets", [])]
    click.echo(f"answers {result['kind']}" + (f": {', '.join(map(str, named))}" if named else ""))


def _standing(place: Place) -> dict[str, Any]:
    """The endpoints as they are now; a cluster of before the admin API tells them as well."""
    return place.ask(
        AdminClient.endpoints,
        lambda: dict(
            web.get(f"{place.running().http_url}/v1/endpoints", keys=("snapshot", "endpoints"))
        ),
    )


@endpoints.command()
@click.argument("name")
@click.option(
    "--model",
    required=True,
    metavar="MODEL[@VERSION|@ALIAS]",
    help="The version that answers; the newest when none is named. An alias is followed.",
)
@click.option(
    "--placement",
    type=click.Choice(["inline", "replicas"]),
    default="inline",
    show_default=True,
    help="Compute in the gateway, or in replicas of the version's own.",
)
@click.option(
    "--preprocess", metavar="MODEL[@VERSION|@ALIAS]", help="A transformer that runs before it."
)
@click.option(
    "--fallback", metavar="MODEL[@VERSION|@ALIAS]", help="A version that answers where it fails."
)
@click.option(
    "--answer-within-s",
    type=click.FloatRange(min=0, min_open=True),
    help="The endpoint's timeout_s.  [default: 10]",
)
@click.option("--allow-pickle", is_flag=True, help="Load pickles, in replicas: they can run code.")
@click.option("--replace", is_flag=True, help="Take the place of an endpoint of this name.")
@_REASON
@_WITHIN
@option_server
@output.option_state
@output.as_json
def add(
    name: str,
    server: str | None,
    state: str,
    timeout_s: float,
    reason: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Let an endpoint NAME answer with a registered version, from now on.

    Everything else goes on meanwhile. The next `serve-app deploy` of a file supersedes it;
    `serve-app init --running` writes it down. What was begun goes on when this is interrupted.
    """
    place, replace = Place(server, state), given.pop("replace")
    settings = {"timeout_s": given.pop("answer_within_s"), **given}

    def begin(client: AdminClient) -> dict[str, Any]:
        wanted = {key: one for key, one in settings.items() if one not in {None, False}}
        body = {**wanted, "within_s": timeout_s}
        return client.change_endpoint(name, body, replace=replace, reason=reason)

    def by_dashboard(wait: Any) -> str:
        from serve_app.gateway.admin.actions import NewEndpoint
        from serve_app.serving.deploying import additions, changes

        running = place.running()
        with changes.alone(running, f"endpoints add {name}", wait):
            return additions.added(running, name, NewEndpoint(**settings, replace=replace), wait)

    version = _changed(place, timeout_s, begin, by_dashboard)
    path = f"/v1/models/{name}:predict"
    url = path if server else f"{place.running().http_url}{path}"
    if as_json:
        output.print_json({"endpoint": name, "version": version, "url": url})
        return
    click.echo(f"{name} is answered by {version}: {url}")


@endpoints.command()
@click.argument("name", shell_complete=complete_endpoint)
@_REASON
@_WITHIN
@option_server
@output.option_state
@output.as_json
def remove(
    name: str,
    server: str | None,
    state: str,
    timeout_s: float,
    reason: str | None,
    as_json: bool,
) -> None:
    """Let an endpoint NAME answer no more, and end the applications that only it needs.

    Everything else goes on meanwhile. The next `serve-app deploy` of a file supersedes it. What
    was begun goes on when this is interrupted.
    """
    place = Place(server, state)

    def by_dashboard(wait: Any) -> str:
        from serve_app.serving.deploying import changes

        running = place.running()
        with changes.alone(running, f"endpoints remove {name}", wait):
            changes.remove_endpoint(running, name, wait=wait)
        return ""

    _changed(
        place,
        timeout_s,
        lambda client: client.remove_endpoint(name, timeout_s, reason),
        by_dashboard,
    )
    if as_json:
        output.print_json({"removed": name})
        return
    click.echo(f"{name} answers no more")


def _changed(
    place: Place,
    within_s: float,
    begin: Callable[[AdminClient], dict[str, Any]],
    by_dashboard: Callable[[Any], str],
) -> str:
    """Make a change by the admin API, or by Ray's dashboard where no gateway runs yet.

    Gives the version that answers then, where there is one.
    """
    with output.progress().status("…") as status:
        tell = output.tell(status)

        def by_server(client: AdminClient) -> Callable[[], str]:
            change = begin(client)
            return lambda: str(client.wait_for(change, within_s, tell)["version"] or "")

        def without_server() -> Callable[[], str]:
            from serve_app.serving.deploying.changes import Wait

            return lambda: by_dashboard(Wait(within_s, tell))

        return place.ask(by_server, without_server)()


@endpoints.command("set-weights")
@click.argument("name", shell_complete=complete_endpoint)
@click.argument(
    "weights", type=Pair("VERSION=WEIGHT", "diagnosis-xgb@1=50", needs_value=True), nargs=-1,
    required=True, metavar="VERSION=WEIGHT...",
)  # fmt: skip
@_REASON
@option_server
@output.option_state
@output.as_json
def set_weights(
    name: str,
    weights: tuple[tuple[str, str], ...],
    reason: str | None,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Change weights until the next deploy, for example diagnosis-xgb@1=50.

    Variants that are not named keep theirs. In effect everywhere when this returns.
    """
    wanted = {version: _weight(version, number) for version, number in weights}
    client = Place(server, state).client()
    with output.progress().status("asking control …"):
        answer = client.set_weights(name, wanted, reason)
    if as_json:
        output.print_json(answer)
        return
    listed = ", ".join(f"{v}={weight:g}" for v, weight in answer["weights"].items())
    click.echo(f"snapshot {answer['snapshot']}: {name}: {listed}")
    if answer["waiting"]:
        click.echo(f"waiting for {', '.join(answer['waiting'])} to start")
    if answer["behind"]:
        output.warn(f"{len(answer['behind'])} gateways do not answer by it yet; see status")


def _weight(version: str, number: str) -> float:
    try:
        return float(number)
    except ValueError:
        given = f"{version}={number}"
        msg = f"{given!r}: {number!r} is no number; write for example {version}=50"
        raise click.UsageError(msg) from None
