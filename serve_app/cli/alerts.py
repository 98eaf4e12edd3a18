"""`serve-app monitor alerts`: what is wrong, and what receivers were sent of it."""

from __future__ import annotations

from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.monitoring.words import moment

ALL = "*"
SHOWN = 5
"""So many messages of each receiver are shown; `--json` has more."""


@click.command()
@click.option(
    "--test",
    "receiver",
    is_flag=False,
    flag_value=ALL,
    metavar="[RECEIVER]",
    help="Send a test message to a receiver, or to all of them, and say what happened.",
)
@option_server
@output.option_state
@output.as_json
def alerts(receiver: str | None, server: str | None, state: str, as_json: bool) -> None:
    """Show what is wrong now, and what each receiver of alerts was sent last.

    With --test, exit code 1 where a test message did not arrive.
    """
    place = Place(server, state)
    if receiver is not None:
        _test(place, None if receiver == ALL else receiver, as_json=as_json)
        return
    known = place.ask(lambda client: client.alerts(), only_the_monitor_knows("what is wrong"))
    if as_json:
        output.print_json(known)
        return
    if known["findings"]:
        heads = ["endpoint", "severity", "what", "since"]
        output.print_table("Findings", heads, [_finding(one) for one in known["findings"]])
    else:
        click.echo("nothing is wrong, as far as the monitor sees")
    if not known["receivers"]:
        click.echo("nobody is sent alerts: the monitor's args say `alerts: {receivers: {}}`")
        return
    heads = ["receiver", "kind", "waiting", "last messages"]
    output.print_table("Receivers", heads, [_receiver(one) for one in known["receivers"]])


def _test(place: Place, receiver: str | None, *, as_json: bool) -> None:
    results = place.ask(
        lambda client: client.test_alerts(receiver), only_the_monitor_knows("what arrives")
    )
    if as_json:
        output.print_json(results)
    else:
        for one in results:
            why = "" if one["error"] is None else f": {one['error']}"
            click.echo(f"{one['receiver']} ({one['kind']}): {one['result']}{why}")
        if not results:
            click.echo("nobody is sent alerts: the monitor's args say `alerts: {receivers: {}}`")
    if any(one["result"] != "sent" for one in results):
        raise click.exceptions.Exit(1)


def _finding(one: dict[str, Any]) -> list[Any]:
    since = "now" if one["since_s"] is None else f"{moment(one['since_s'])} UTC"
    return [one["endpoint"], one["severity"], f"{one['kind']}: {one['text']}", since]


def _receiver(one: dict[str, Any]) -> list[Any]:
    messages = "; ".join(map(_message, one["sent"][:SHOWN])) or "none yet"
    return [one["receiver"], one["kind"], one["waiting"], messages]


def _message(one: dict[str, Any]) -> str:
    what = f"{moment(one['at_s'])} UTC {one['endpoint']} {one['status']}: {one['result']}"
    return what if one["error"] is None else f"{what} ({one['error']})"
