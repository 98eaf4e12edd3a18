"""`serve-app endpoints`: who answers, and with which weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.status import endpoint_rows
from serve_app.cluster import web
from serve_app.cluster.node import Cluster
from serve_app.errors import NotFound


@click.group()
def endpoints() -> None:
    """See, add and remove endpoints, and change the weights of their variants."""


@endpoints.command("list")
@output.option_state
@output.as_json
def list_(state: str, as_json: bool) -> None:
    """List the endpoints with their variants and weights as they are now."""
    standing = web.get(f"{Cluster(Path(state)).require().http_url}/v1/endpoints")
    if as_json:
        output.print_json(standing)
        return
    output.print_table(
        f"Endpoints (snapshot {standing['snapshot']})",
        ["endpoint", "route", "variant", "weight", "preprocess", "fallback"],
        endpoint_rows(standing["endpoints"]),
    )


@endpoints.command()
@click.argument("name", shell_complete=complete_endpoint)
@output.option_state
@output.as_json
def show(name: str, state: str, as_json: bool) -> None:
    """Show one endpoint: its route, variants and columns."""
    standing = web.get(f"{Cluster(Path(state)).require().http_url}/v1/endpoints")
    found = next((e for e in standing["endpoints"] if e["name"] == name), None)
    if found is None:
        known = ", ".join(e["name"] for e in standing["endpoints"]) or "none"
        msg = f"there is no endpoint {name!r}; endpoints: {known}"
        raise NotFound(msg)
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        f"Endpoint {name}",
        ["endpoint", "route", "variant", "weight", "preprocess", "fallback"],
        endpoint_rows([found]),
    )
    output.print_table("Columns", COLUMN_HEADS, column_rows(found["signature"]["inputs"]))
    result = found["signature"]["output"]
    named = result["labels"] or [target["name"] for target in result.get("targets", [])]
    click.echo(f"answers {result['kind']}" + (f": {', '.join(map(str, named))}" if named else ""))


COLUMN_HEADS = ["column", "dtype", "null", "minimum", "maximum", "categories"]


def column_rows(columns: list[dict[str, Any]]) -> list[list[Any]]:
    """One row per column of a signature."""
    return [
        [
            column["name"],
            column["dtype"],
            "yes" if column["nullable"] else "no",
            column.get("minimum"),
            column.get("maximum"),
            ", ".join(map(str, column.get("categories", [])))[:60],
        ]
        for column in columns
    ]


@endpoints.command()
@click.argument("name")
@click.option(
    "--model",
    required=True,
    metavar="MODEL[@VERSION|@ALIAS]",
    help="The version that answers; the newest when none is named.",
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
@click.option(
    "--timeout-s", "--timeout", default=180.0, show_default=True, help="How long to wait."
)
@output.option_state
def add(name: str, state: str, timeout_s: float, **given: Any) -> None:
    """Let an endpoint NAME answer with a registered version, from now on.

    Everything else goes on meanwhile. The next `serve-app deploy` of a file supersedes it;
    `serve-app init --running` writes it down.
    """
    from serve_app.cli.endpoint_settings import Wanted, added

    running = Cluster(Path(state)).require()
    with output.progress().status("…") as status:
        version = added(running, name, Wanted(**given), _waiting(status, timeout_s))
    click.echo(f"{name} is answered by {version}: {running.http_url}/v1/models/{name}:predict")


@endpoints.command()
@click.argument("name", shell_complete=complete_endpoint)
@click.option(
    "--timeout-s", "--timeout", default=180.0, show_default=True, help="How long to wait."
)
@output.option_state
def remove(name: str, state: str, timeout_s: float) -> None:
    """Let an endpoint NAME answer no more, and end the applications that only it needs.

    Everything else goes on meanwhile. The next `serve-app deploy` of a file supersedes it.
    """
    from serve_app.serving.deploying import changes

    running = Cluster(Path(state)).require()
    with output.progress().status("…") as status:
        wait = _waiting(status, timeout_s)
        with changes.alone(running, f"endpoints remove {name}", wait):
            changes.remove_endpoint(running, name, wait=wait)
    click.echo(f"{name} answers no more")


def _waiting(status: Any, timeout_s: float) -> Any:
    from serve_app.serving.deploying.changes import Wait

    return Wait(timeout_s, lambda what: status.update(f"{what} …"))


@endpoints.command("set-weights")
@click.argument("name", shell_complete=complete_endpoint)
@click.argument("weights", nargs=-1, required=True, metavar="VERSION=WEIGHT...")
@click.option("--reason", help="Why, for those who look at `serve-app events` later.")
@option_server
@output.option_state
@output.as_json
def set_weights(
    name: str,
    weights: tuple[str, ...],
    reason: str | None,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Change weights until the next deploy, for example diagnosis-xgb@1=50.

    Variants that are not named keep theirs. In effect everywhere when this returns.
    """
    wanted = dict(_weight(text) for text in weights)
    client = AdminClient(server, state)
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


def _weight(text: str) -> tuple[str, float]:
    version, separator, number = text.partition("=")
    try:
        if not separator:
            raise ValueError
        return version, float(number)
    except ValueError:
        msg = f"{text!r} is no weight; write VERSION=WEIGHT, for example diagnosis-xgb@1=50"
        raise click.UsageError(msg) from None
