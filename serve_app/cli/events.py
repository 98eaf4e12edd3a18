"""`serve-app events`: what was changed, by whom, and why."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, option_server


@click.command()
@click.option("--kind", help="Only changes of a kind, such as 'weights set' or registered.")
@click.option("--subject", help="Only changes of an endpoint, a version, an alias, a declaration.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most."
)
@option_server
@output.option_state
@output.as_json
def events(
    kind: str | None, subject: str | None, limit: int, server: str | None, state: str, as_json: bool
) -> None:
    """Show what was changed: declarations, endpoints, weights, versions, aliases; newest first."""
    newest = Place(server, state).ask(
        lambda client: client.events(limit, kind, subject),
        lambda: _of_files(state, limit, kind, subject),
    )
    if as_json:
        output.print_json(newest)
        return
    heads = ["when", "who", "what", "of", "from", "to", "why"]
    output.print_table("Events", heads, [_row(event) for event in newest])


def _of_files(
    state: str, limit: int, kind: str | None, subject: str | None
) -> list[dict[str, Any]]:
    """The events of a state database that no running cluster answers for."""
    from serve_app.storage.events import EventLog

    return [asdict(one) for one in EventLog(state).newest(limit, kind=kind, subject=subject)]


def _row(event: dict[str, Any]) -> list[Any]:
    at = dt.datetime.fromtimestamp(event["at_s"], tz=dt.UTC).isoformat(sep=" ", timespec="seconds")
    before, after = _short(event["before"]), _short(event["after"])
    return [at, event["who"], event["kind"], event["subject"], before, after, event["why"]]


def _short(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict) and all(isinstance(one, int | float) for one in value.values()):
        return ", ".join(f"{key}={one:g}" for key, one in value.items())
    if isinstance(value, dict):
        return ", ".join(value)
    return json.dumps(value)
