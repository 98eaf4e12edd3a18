"""`serve-app monitor findings`: what is wrong now, whatever watches it."""

from __future__ import annotations

from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.cli.completion import complete_endpoint


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_server
@output.option_state
@output.as_json
def findings(endpoint: str | None, server: str | None, state: str, as_json: bool) -> None:
    """Show what the monitor says is wrong now: drift, quality and all else that it watches."""
    standing: list[dict[str, Any]] = Place(server, state).ask(
        lambda client: client.read("/findings", "findings", endpoint=endpoint)["findings"],
        only_the_monitor_knows("what is wrong"),
    )
    if as_json:
        output.print_json(standing)
        return
    if not standing:
        click.echo(
            "nothing is wrong that is watched; serve-app monitor drift says what was judged, and "
            "serve-app monitor report shows all of it"
        )
        return
    heads = ["severity", "kind", "endpoint", "answered by", "what"]
    ordered = sorted(standing, key=lambda one: one["severity"] != "critical")
    output.print_table("Findings", heads, [_row(one) for one in ordered])


def _row(one: dict[str, Any]) -> list[Any]:
    return [one[name] for name in ("severity", "kind", "endpoint", "variants", "text")]
