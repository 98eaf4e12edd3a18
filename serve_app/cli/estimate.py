"""`serve-app monitor estimate`: how good answers probably are, before labels come."""

from __future__ import annotations

from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.records_options import option_within
from serve_app.monitoring.words import moment

SHOWN = ("accuracy", "f1", "auc", "mae", "rmse")
"""The metrics that are shown, as far as they are there; `--json` has all."""
WINDOWS = 12
"""So many windows of a version are shown, the last ones."""


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_within("1d", "Only windows since then")
@option_server
@output.option_state
@output.as_json
def estimate(
    endpoint: str | None, within_s: int, server: str | None, state: str, as_json: bool
) -> None:
    """Show how good the answers of each window probably were, beside what came true of them.

    Estimates need no labels and assume no concept drift: where the truth has come to depend on the
    rows in another way, only what came true shows it.
    """
    results = Place(server, state).ask(
        lambda client: client.watched("estimate", endpoint, within_s),
        only_the_monitor_knows("estimated quality"),
    )
    if as_json:
        output.print_json(results)
        return
    rows = [
        _row(one, window, name)
        for one in results
        for window in one["windows"][-WINDOWS:]
        for name in SHOWN
        if name in window["metrics"]
    ]
    if rows:
        heads = ["endpoint", "version", "window", "rows", "metric", "estimated (95 %)",
                 "worse from", "came true (95 %)", "labels"]  # fmt: skip
        output.print_table("Estimated quality", heads, rows)
    for line in _words(results):
        click.echo(line)


def _words(results: list[dict[str, Any]]) -> list[str]:
    """What cannot be estimated and why, and what stands."""
    words = [
        f"{one['endpoint']}, {one['version']}: {', '.join(one['alarms'])} estimated worse than "
        "chance allows"
        for one in results
        if one["alarms"]
    ]
    words += [
        f"{one['endpoint']}, {one['version']}: not estimated: {one['not_estimated']}"
        for one in results
        if one["not_estimated"] is not None
    ]
    if not any(one["windows"] or one["not_estimated"] for one in results):
        words.append(
            "no window with enough rows has closed since then: one closes every hour unless the "
            "monitor's args say `estimate: {window_s: 60}`, and needs 300 rows (`minimum_rows`)"
        )
    return words


def _row(one: dict[str, Any], window: dict[str, Any], name: str) -> list[Any]:
    mark = " worse" if name in window["worse"] else ""
    bound = window["bounds"].get(name)
    coverage = "" if window["coverage"] is None else f"{window['coverage']:.0%}"
    return [
        one["endpoint"],
        one["version"],
        f"{moment(window['start_s'])} +{one['window_s'] // 60} min",
        window["rows"],
        name,
        _shown(window["metrics"][name]) + mark,
        "" if bound is None else f"{bound:.4g}",
        _shown(window["realised"].get(name)),
        coverage,
    ]


def _shown(metric: dict[str, Any] | None) -> str:
    if metric is None or metric["value"] is None:
        return ""
    if metric["low"] is None:
        return f"{metric['value']:.4g}"
    return f"{metric['value']:.4g} ({metric['low']:.4g} to {metric['high']:.4g})"
