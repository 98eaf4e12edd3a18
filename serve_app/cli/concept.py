"""`serve-app monitor concept`: whether answers have become wrong more often."""

from __future__ import annotations

from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.records_options import option_within


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_within("7d", "Changes since then, by when the prediction was made")
@option_server
@output.option_state
@output.as_json
def concept(
    endpoint: str | None, within_s: int, server: str | None, state: str, as_json: bool
) -> None:
    """Show when the errors of labelled rows changed, and which changes stand.

    Rows are watched in the order of their predictions, once labels of earlier ones are expected no
    more. A rise stands for a day of predictions unless the monitor's args say otherwise.
    """
    results = Place(server, state).ask(
        lambda client: client.watched("concept", endpoint, within_s),
        only_the_monitor_knows("concept drift"),
    )
    if as_json:
        output.print_json(results)
        return
    heads = ["endpoint", "watched rows", "until", "late", "stands"]
    output.print_table("Watched errors", heads, [_watched(one) for one in results])
    changes = [_change(change) for one in results for change in one["changes"]]
    if changes:
        heads = ["at", "endpoint", "variant", "errors", "detector", "before", "then"]
        output.print_table("Changes", heads, changes)
    else:
        click.echo("no detector saw a change since then")


def _watched(one: dict[str, Any]) -> list[Any]:
    standing = ", ".join(f"{some['variant']}: {some['stream']}" for some in one["standing"])
    if one["not_watched"] is not None:
        standing = f"not watched: {one['not_watched']}"
    rows = [f"{variant} {count}" for variant, count in one["rows"].items()]
    # A monitor of a former version says nothing of units.
    for variant, count in one.get("unit_rows", {}).items():
        of = f"{count} of {one['unit_rows_needed']} labelled rows"
        rows.append(f"{variant} {of}, which set the unit of errors")
    until_s = one["watched_until_s"]
    until = "" if until_s is None else output.shown_time(until_s)
    return [one["endpoint"], ", ".join(rows), until, one["late"], standing]


def _change(change: dict[str, Any]) -> list[Any]:
    return [
        output.shown_time(change["at_s"]),
        change["endpoint"],
        change["variant"],
        f"{change['stream']}, {change['direction']}",
        change["detector"],
        f"{change['error_before']:.3f}",
        f"{change['error_now']:.3f}",
    ]
