"""`serve-app monitor drift`: what the last judged windows of rows say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server

SHOWN = 5
"""So many features of a version are shown: those that drifted most."""


@click.command()
@click.argument("endpoint", required=False)
@option_server
@output.option_state
@output.as_json
def drift(endpoint: str | None, server: str | None, state: str, as_json: bool) -> None:
    """Show how far the rows and predictions of each version are from its training data.

    Distances are in thresholds: from 1 on, a feature has drifted where that is significant too.
    An alarm stands while several windows say so.
    """
    series = Place(server, state).ask(
        lambda client: client.drift(endpoint), only_the_monitor_knows("drift")
    )
    if as_json:
        output.print_json(series)
        return
    if not series:
        click.echo(
            "no window has been judged yet: one closes every hour unless the monitor's args say "
            "`drift: {window_s: 60}`, and only versions that have a profile are judged"
        )
        return
    heads = ["endpoint", "version", "window", "rows", "alarms", "drifted most (in thresholds)"]
    output.print_table("Drift", heads, [_row(one) for one in series])


def _row(one: dict[str, Any]) -> list[Any]:
    begun = dt.datetime.fromtimestamp(one["window_start_s"], tz=dt.UTC)
    window = f"{begun.isoformat(sep=' ', timespec='minutes')} +{one['window_s'] // 60} min"
    alarms = ", ".join(f"{alarm['name']} ({alarm['what']})" for alarm in one["alarms"])
    return [one["endpoint"], one["version"], window, one["rows"], alarms, _most(one)]


def _most(one: dict[str, Any]) -> str:
    judged = [f for f in (*one["features"], *one["predictions"]) if f["not_judged"] is None]
    if not judged:
        reasons = {f["not_judged"] for f in (*one["features"], *one["predictions"])}
        return "; ".join(sorted(reasons - {None})[:2])
    far = sorted(judged, key=_excess, reverse=True)[:SHOWN]
    return ", ".join(f"{feature['name']} {_excess(feature):.2f}" for feature in far)


def _excess(feature: dict[str, Any]) -> float:
    distance = feature["distances"][feature["distance"]]
    return float("inf") if distance is None else float(distance / feature["threshold"])
