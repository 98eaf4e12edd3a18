"""How runs of retraining are shown: where they stand, why, and what kept others from beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output

if TYPE_CHECKING:
    from serve_app.cli.retrain_place import RetrainingPlace
    from serve_app.lifecycle.retraining.ledger import Ledger
    from serve_app.lifecycle.retraining.states import Run
    from serve_app.lifecycle.retraining.trigger import Recorded

_SHOWN = 12
_DIGITS = 12


def trigger_words(taken: Recorded) -> str:
    """What came of a trigger."""
    if taken.run is not None:
        return f"run {taken.run} begins: {taken.trigger.reason}"
    if taken.guard is not None:
        return f"no run begins, by the guard {taken.guard}: {taken.words}"
    return f"written down: {taken.trigger.reason}"


def print_run(ledger: Ledger | None, run: Run) -> None:
    """Where a run stands: its gates, and with a ledger what happened."""
    gates = run.facts.get("gates", ())
    if gates:
        heads = ["gate", "value", "threshold", "rows", "verdict", "reason"]
        output.print_table(f"{run.id}: gates", heads, [_gate(one) for one in gates])
    if ledger is not None:
        rows = [
            [output.shown_time(one.at_s), one.who, one.what, one.after, one.why]
            for one in ledger.events(run=run.id)
        ]
        output.print_table(f"{run.id}: events", ["at", "who", "what", "state", "why"], rows)
    click.echo(run_words(run))


def print_status(place: RetrainingPlace, name: str | None, *, as_json: bool) -> None:
    """One run with its events, or all runs, triggers and freezes."""
    from serve_app.lifecycle.retraining import decisions

    ledger = place.ledger
    if name is not None:
        run = ledger.run(name)
        if as_json:
            events = [_event(one) for one in ledger.events(run=name)]
            output.print_json({**run.to_json(), "events": events})
        else:
            print_run(ledger, run)
        return
    runs, triggers = ledger.runs(), place.intake().triggers()
    freezes = decisions.freezes(place.database)
    if as_json:
        output.print_json(
            {
                "runs": [one.to_json() for one in runs],
                "triggers": [one.to_json() for one in triggers],
                "freezes": [{"model": one.model, "who": one.who, "why": one.why}
                            for one in freezes],
                "rollbacks": decisions.rollbacks(place.database),
            }
        )  # fmt: skip
        return
    for one in freezes:
        click.echo(f"{one.model} is frozen by {one.who}{f': {one.why}' if one.why else ''}")
    if not runs and not triggers:
        click.echo("nothing was trained again yet: serve-app retrain start PIPELINE")
        return
    heads = ["run", "state", "since", "champion", "challenger", "why"]
    output.print_table("Runs", heads, [_row(one) for one in runs[:_SHOWN]])
    heads = ["at", "model", "kind", "reason", "came to", "why"]
    output.print_table("Triggers", heads, [_trigger(one) for one in triggers[:_SHOWN]])


def run_words(run: Run) -> str:
    """Where a run stands, and what can be done."""
    version = "" if run.challenger is None else f", {run.model}@{run.challenger}"
    why = f": {run.error}" if run.error else ""
    words = f"{run.id}: {run.state}{version}{why}"
    if run.state == "APPROVAL":
        digest = str(run.facts.get("digest", ""))[:_DIGITS]
        words += f"\nagree to {digest}: serve-app retrain approve {run.id} --digest {digest}"
    elif not run.is_over:
        words += f"\ngo on with it: serve-app retrain resume {run.model}"
    return words


def _row(run: Run) -> list[Any]:
    since = output.shown_time(run.entered_s)
    return [run.id, run.state, since, run.champion, run.challenger, run.error]


def _trigger(taken: Recorded) -> list[Any]:
    one = taken.trigger
    came_to = taken.run or (f"guard: {taken.guard}" if taken.guard else taken.outcome)
    return [output.shown_time(one.at_s), one.model, one.kind, one.reason, came_to, taken.words]


def _gate(gate: dict[str, Any]) -> list[Any]:
    value, threshold = (
        None if gate[name] is None else f"{gate[name]:.4g}" for name in ("value", "threshold")
    )
    return [gate["name"], value, threshold, gate["rows"], gate["verdict"], gate["reason"]]


def _event(one: Any) -> dict[str, Any]:
    return {
        "at_s": one.at_s, "who": one.who, "what": one.what, "why": one.why,
        "before": one.before, "after": one.after,
    }  # fmt: skip
