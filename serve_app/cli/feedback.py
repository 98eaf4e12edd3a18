"""`serve-app feedback`: what clients said of predictions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.feedback_import import import_labels

if TYPE_CHECKING:
    from serve_app.storage.feedback import FeedbackStore


class _Shown(click.Group):
    """A group that shows what there is where no command of it is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with the name of the command that is meant."""
        named = args and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named else ["show", *args])


@click.group(cls=_Shown)
def feedback() -> None:
    """See what clients said of predictions, or import labels from a file."""


@feedback.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@click.option(
    "--records", is_flag=True, help="Print everything received, as JSON lines; with --json a list."
)
@option_server
@output.option_state
@output.as_json
def show(
    endpoint: str | None, records: bool, server: str | None, state: str, as_json: bool
) -> None:
    """See how much feedback there is, of ENDPOINT or of all, by the variants that it is about."""
    place = Place(server, state)
    if records:
        _print_records(place, endpoint, as_json=as_json)
        return
    received = place.ask(
        lambda client: client.feedback(endpoint),
        lambda: [asdict(one) for one in _store(state).received(endpoint)],
    )
    if as_json:
        output.print_json(received)
        return
    if not received:
        click.echo("no feedback yet; clients send it to /v1/models/ENDPOINT:feedback")
        return
    output.print_table(
        "Feedback",
        [
            "endpoint",
            "variants",
            "received",
            "with truth",
            "with reward",
            "mean reward",
            "matched",
            "pending",
            "unmatched",
        ],
        [_row(one) for one in received],
    )


def _print_records(place: Place, endpoint: str | None, *, as_json: bool) -> None:
    received: Iterable[dict[str, Any]] = place.ask(
        lambda client: client.feedback_records(endpoint),
        lambda: _store(place.state).all(endpoint),
    )
    if as_json:
        output.print_json(list(received))
        return
    for record in received:
        click.echo(json.dumps(record))


def _store(state: str) -> FeedbackStore:
    """The feedback in a state database that no running cluster answers for."""
    from serve_app.storage.feedback import FeedbackStore

    return FeedbackStore(state)


def _row(one: dict[str, Any]) -> list[Any]:
    return [
        one["endpoint"],
        ", ".join(one["variants"]) or "not said",
        one["total"],
        one["truths"],
        one["rewards"],
        None if one["reward"] is None else f"{one['reward']:.6g}",
        *(one.get(state) for state in ("matched", "pending", "unmatched")),
    ]


feedback.add_command(import_labels)
