"""`serve-app feedback`: what clients said of predictions."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_endpoint
from serve_app.storage.feedback import FeedbackStore


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@click.option("--records", is_flag=True, help="Print everything received, as JSON lines.")
@output.option_state
@output.as_json
def feedback(endpoint: str | None, records: bool, state: str, as_json: bool) -> None:
    """See how much feedback there is, of ENDPOINT or of all, by the variants that it is about."""
    store = FeedbackStore(state)
    if records:
        for record in store.all(endpoint):
            click.echo(json.dumps(record))
        return
    received = store.received(endpoint)
    if as_json:
        output.print_json([asdict(one) for one in received])
        return
    if not received:
        click.echo("no feedback yet; clients send it to /v1/models/ENDPOINT:feedback")
        return
    output.print_table(
        "Feedback",
        ["endpoint", "variants", "received", "with truth", "with reward", "mean reward"],
        [
            [
                one.endpoint,
                ", ".join(one.variants) or "not said",
                one.total,
                one.truths,
                one.rewards,
                None if one.reward is None else f"{one.reward:.6g}",
            ]
            for one in received
        ],
    )
