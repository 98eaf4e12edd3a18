"""`serve-app rollout`: how far the candidate of a canary is, and what is to become of it."""

from __future__ import annotations

import time
from typing import Any, get_args

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, Place, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.errors import NotReady
from serve_app.gateway.admin.actions import RolloutAction

_REASON = click.option("--reason", help="Why, for those who look at `serve-app events` later.")
_HEADS = ["endpoint", "candidate", "instead of", "is", "share", "step", "requests", "why"]
_GATE_HEADS = [
    "endpoint", "gate", "verdict", "worse by", "at least", "may be", "stable", "candidate",
]  # fmt: skip


@click.group()
def rollout() -> None:
    """See how far candidates are that take over step by step, and decide about them.

    An endpoint whose route is of kind canary has a rollout; a gate that is lost ends it by itself.
    """


@rollout.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_server
@output.option_state
@output.as_json
def status(endpoint: str | None, server: str | None, state: str, as_json: bool) -> None:
    """Show how far candidates are, what each gate says, and what they wait for."""
    place = Place(server, state)
    known = place.ask(AdminClient.rollouts, _nobody)
    rollouts = [one for one in known if endpoint in {None, one["endpoint"]}]
    if as_json:
        output.print_json({"rollouts": rollouts})
        return
    if not rollouts:
        named = f"endpoint {endpoint!r} has no rollout" if endpoint else "there is no rollout"
        click.echo(f"{named}; a route of kind canary has one")
        return
    output.print_table("Rollouts", _HEADS, [_row(one) for one in rollouts])
    gates = [line for one in rollouts for line in _gate_rows(one)]
    if gates:
        output.print_table("Gates", _GATE_HEADS, gates)


def _row(one: dict[str, Any]) -> list[Any]:
    last = one["last"]
    # While it runs, what was decided last says what it waits for.
    why = last["why"] if one["phase"] == "running" and last else one["why"]
    if one["waiting"]:
        why = f"{', '.join(one['waiting'])} does not answer yet"
    requests = one["requests"].get(one["candidate"], 0)
    step = f"{one['step'] + 1} of {len(one['shares'])}"
    if one["since_s"] is not None and one["phase"] == "running":
        step += f" for {max(0.0, time.time() - one['since_s']):.0f} s"
    return [
        one["endpoint"], one["candidate"], one["stable"], one["phase"],
        f"{100 * one['share']:.4g} %", step, requests, why,
    ]  # fmt: skip


def _gate_rows(one: dict[str, Any]) -> list[list[Any]]:
    return [
        [
            one["endpoint"], gate["gate"], gate["verdict"], _number(gate["worse_by"]),
            _number(gate["at_least"]), f"{gate['margin']:g}",
            gate["stable_rows"], gate["candidate_rows"],
        ]
        for gate in (one["last"] or {}).get("gates", ())
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _nobody() -> Any:
    msg = (
        "rollouts are asked of the admin API, and no gateway of this cluster answers; see in "
        "`serve-app status` whether one runs"
    )
    raise NotReady(msg)


def _command(action: RolloutAction, words: str) -> click.Command:
    """The command that moves the rollout of an endpoint."""

    @click.argument("endpoint", shell_complete=complete_endpoint)
    @_REASON
    @option_server
    @output.option_state
    @output.as_json
    def move(
        endpoint: str, reason: str | None, server: str | None, state: str, as_json: bool
    ) -> None:
        place = Place(server, state)
        report = place.ask(lambda one: one.move_rollout(endpoint, action, reason), _nobody)
        if as_json:
            output.print_json(report)
            return
        share = 100 * report["share"]
        click.echo(f"{endpoint}: {report['phase']}; {report['candidate']} has {share:.4g} %")
        for gateway in report.get("behind", ()):
            click.echo(f"{gateway} does not answer so yet", err=True)

    return click.command(action.replace(" ", ""), help=words)(move)


_WORDS: dict[RolloutAction, str] = {
    "start": "Begin with the first step: after a rollback, or where `start: by hand` is declared.",
    "pause": "Keep the share as it is: no gate is judged and no step taken.",
    "resume": "Go on after a pause, or after a lost gate that holds.",
    "promote": "Give all requests to the candidate now.",
    "roll back": "Give all requests to the stable version now, also after a promotion.",
}
for _action in get_args(RolloutAction):
    rollout.add_command(_command(_action, _WORDS[_action]))
