"""`serve-app monitor watch`: what one of the monitor's watches knows, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.records_options import option_within

_FIRST = ("endpoint", "version", "rows", "alarm", "not_judged")


@click.command()
@click.argument("kind")
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_within("1d", "What was seen since then")
@option_server
@output.option_state
@output.as_json
def watch(
    kind: str, endpoint: str | None, within_s: int, server: str | None, state: str, as_json: bool
) -> None:
    """Show what the watch of a KIND knows, as `kind` of findings names it.

    Kinds are such as multivariate, outliers, domain, attribution, data_quality and callers. For
    drift, quality, concept, estimate and shadow there are commands that show more.
    """
    results = Place(server, state).ask(
        lambda client: client.watch(kind, endpoint, within_s),
        only_the_monitor_knows("what is watched"),
    )
    if as_json:
        output.print_json(results)
        return
    if not results:
        click.echo("nothing was judged yet, or the monitor's args end this watch")
        return
    heads = ["endpoint", "version", "rows", "alarm", "what"]
    output.print_table(kind, heads, [_row(one) for one in results])


def _row(one: Mapping[str, Any]) -> list[Any]:
    alarm = one.get("alarm")
    return [
        one["endpoint"],
        one.get("version", ""),
        one.get("rows", ""),
        "" if alarm is None else "yes" if alarm else "no",
        one.get("not_judged") or "; ".join(_words(one)),
    ]


def _words(one: Mapping[str, Any]) -> Iterator[str]:
    """All else in short: numbers and words as they are, of lists how long they are."""
    for name, value in one.items():
        if name in _FIRST or value is None:
            continue
        if isinstance(value, Mapping):
            inner = ", ".join(f"{key} {_short(some)}" for key, some in value.items())
            yield f"{name}: {inner or 'none'}"
        else:
            yield f"{name} {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, Mapping)):
        return f"({len(value)})"
    return str(value)
