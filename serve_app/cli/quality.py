"""`serve-app monitor quality`: how good answers were, once it is known what was right."""

from __future__ import annotations

from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.records_options import option_within

SHOWN = ("accuracy", "f1", "auc", "log_loss", "rmse", "mae", "r2", "reward")
"""The metrics that are shown, as far as they are there; `--json` has all."""


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_within("1d", "Only predictions since then")
@click.option(
    "--segments",
    "by_segment",
    is_flag=True,
    help="Each of the endpoint's segments by itself; --json always has them.",
)
@option_server
@output.option_state
@output.as_json
def quality(
    endpoint: str | None,
    within_s: int,
    by_segment: bool,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Show how good the answers of each version were, as far as feedback says what was right.

    Each metric comes with the interval in which it lies (95 %). A result is mature once nearly all
    labels that will ever come are expected to have come. Segments are worse where a metric is worse
    than that of all rows by more than chance.
    """
    results = Place(server, state).ask(
        lambda client: client.watched("quality", endpoint, within_s),
        only_the_monitor_knows("quality"),
    )
    if as_json:
        output.print_json(results)
        return
    if not any(one["labelled"] or one["metrics"] for one in results):
        click.echo(
            "no answer of that time has a label yet; send them with serve-app feedback import, "
            "and see with serve-app feedback how many still look for their prediction"
        )
        return
    if by_segment:
        _print_segments(results)
        return
    heads = ["endpoint", "variants", "labels", "of its rows", "metrics (95 %)", "mature"]
    output.print_table("Quality", heads, [_row(one) for one in results])


def _print_segments(results: list[dict[str, Any]]) -> None:
    rows = [
        [
            one["endpoint"],
            ", ".join(one["variants"]),
            f"{part['column']}={part['value']}",
            part["labelled"],
            _metrics(part),
            ", ".join(part["worse"]),
        ]
        for one in results
        for part in one["segments"]
    ]
    if not rows:
        click.echo(
            "no labelled row belongs to a segment; an endpoint names the columns to tell apart in "
            "its settings, as `monitoring: {segments: [plan, region]}`"
        )
        return
    heads = ["endpoint", "variants", "segment", "labels", "metrics (95 %)", "worse than all rows"]
    output.print_table("Quality by segment", heads, rows)


def _row(one: dict[str, Any]) -> list[Any]:
    coverage = "" if one["coverage"] is None else f"{one['coverage']:.0%}"
    mature = "yes" if one["mature"] else f"no: {one['reason']}"
    variants = ", ".join(one["variants"])
    return [one["endpoint"], variants, one["labelled"], coverage, _metrics(one), mature]


def _metrics(one: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {_shown(one['metrics'][name])}" for name in SHOWN if name in one["metrics"]
    )


def _shown(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "not defined"
    if metric["low"] is None:
        return f"{metric['value']:.4g}"
    return f"{metric['value']:.4g} ({metric['low']:.4g} to {metric['high']:.4g})"
