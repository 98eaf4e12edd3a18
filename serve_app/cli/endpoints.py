"""`serve-app endpoints`: who answers, and with which weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from serve_app.cli import output, web
from serve_app.cli.status import endpoint_rows
from serve_app.errors import NotFound
from serve_app.serving.cluster import Cluster, Running
from serve_app.serving.proxies import past_proxies


@click.group()
def endpoints() -> None:
    """See endpoints and change the weights of their variants."""


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
@click.argument("name")
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


@endpoints.command("set-weights")
@click.argument("name")
@click.argument("weights", nargs=-1, required=True, metavar="VERSION=WEIGHT...")
@output.option_state
def set_weights(name: str, weights: tuple[str, ...], state: str) -> None:
    """Change weights until the next deploy, for example diagnosis-xgb@1=50.

    Variants that are not named keep theirs. In effect within seconds, everywhere.
    """
    wanted = dict(_weight(text) for text in weights)
    running = Cluster(Path(state)).require()
    with output.progress().status("asking control …"):
        snapshot = _ask_control(running, name, wanted)
    variants = snapshot["endpoints"].get(name, {}).get("variants", [])
    listed = ", ".join(f"{v['version']}={v['weight']:g}" for v in variants)
    click.echo(f"snapshot {snapshot['version']}: {name}: {listed}")
    if name in snapshot["waiting"]:
        click.echo(f"waiting for {', '.join(snapshot['waiting'][name])} to start")


def _weight(text: str) -> tuple[str, float]:
    version, separator, number = text.partition("=")
    try:
        if not separator:
            raise ValueError
        return version, float(number)
    except ValueError:
        msg = f"{text!r} is no weight; write VERSION=WEIGHT, for example diagnosis-xgb@1=50"
        raise click.UsageError(msg) from None


def _ask_control(running: Running, name: str, weights: dict[str, float]) -> dict[str, Any]:
    # Serve reads these when it is imported; a driver must agree with its cluster.
    os.environ.update(running.environment)
    os.environ.update(past_proxies(os.environ, running.node_ip))
    from serve_app.serving.driver import ask_control

    snapshot: dict[str, Any] = ask_control(running, "set_weights", name, weights)
    return snapshot
