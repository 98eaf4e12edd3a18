"""How training runs are shown: what goes on, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.status import Status

from serve_app.cli import output
from serve_app.lifecycle.ledger import Ledger, Run
from serve_app.lifecycle.progress import Progress, Report
from serve_app.lifecycle.run_status import run_json, state_of, step_json, steps_of, trial_json
from serve_app.lifecycle.trial import Trial

_LONGEST = 60
_MOST_COLUMNS = 10


def shown(spinner: Status, *, quiet: bool) -> Report:
    """Shows what goes on beside a spinner, and each step that is done in a line of its own."""

    def report(one: Progress) -> None:
        if one.kind == "trial":
            spinner.update(escape(f"{one.step}: {one.done} of {one.total}, {one.text} …"))
        elif one.kind == "started":
            spinner.update(escape(f"{one.step} …"))
        elif one.kind == "warning":
            output.warn(one.text)
        elif not quiet:
            words = {"done": "done in", "reused": "done before,", "again": "done anew, since"}
            spinner.console.print(escape(f"{one.step}: {words[one.kind]} {one.text}"))

    return report


def print_result(run: Run) -> None:
    """How a run ended: its models beside baseline and champion, slices and gates."""
    result = run.result
    if result is None:
        click.echo(f"{run.id}: {run.state}{f': {run.error}' if run.error else ''}")
        return
    metric = result["metric"]
    direction = "more" if result["greater_is_better"] else "less"
    heads = ["model", "candidate", "cross-validated", "held out", "95 %"]
    title = f"{run.id}: {metric} ({direction} is better) on {result['rows']} rows held out"
    output.print_table(title, heads, _models(run, result))
    if result["slices"]:
        names = [
            name for name in ("challenger", "baseline", "champion") if name in result["slices"][0]
        ]
        rows = [
            [one["column"], one["slice"], one["rows"], *[_number(one[name]) for name in names]]
            for one in result["slices"]
        ]
        output.print_table("By slice", ["column", "slice", "rows", *names], rows)
    if result["gates"]:
        heads = ["gate", "value", "threshold", "rows", "verdict", "reason"]
        rows = [
            [
                gate["name"],
                _number(gate["value"]),
                _number(gate["threshold"]),
                *[gate[name] for name in ("rows", "verdict", "reason")],
            ]
            for gate in result["gates"]
        ]
        output.print_table("Gates", heads, rows)
    _print_importance(result.get("importance"))
    _print_end(run, result)


def _print_importance(known: Mapping[str, Any] | None) -> None:
    """What the best model loses without the columns that it needs most."""
    if known is None:
        return
    shown = known["columns"][:_MOST_COLUMNS]
    rows = [[one["column"], _number(one["mean"]), _number(one["deviation"])] for one in shown]
    heads = ["column", f"loss of {known['metric']}", "standard deviation"]
    output.print_table(f"Each column shuffled {known['repeats']} times", heads, rows)


def _print_end(run: Run, result: Mapping[str, Any]) -> None:
    search = result["search"]
    ended = {"trials": "", "early_stop": ", stopped early", "timeout": ", stopped by its time-out"}
    failed = f", {search['failed']} failed" if search["failed"] else ""
    click.echo(f"{search['trials']} trials{failed}{ended[search['ended']]}")
    versions = [f"{run.model}@{version}" for version in result["versions"]]
    if versions:
        click.echo(f"registered: {', '.join(versions)}")
    elif run.state == "REJECTED":
        click.echo("not registered: not every gate passed")


def _models(run: Run, result: Mapping[str, Any]) -> list[list[object]]:
    metric = result["metric"]
    rows: list[list[object]] = []
    for one in result["challengers"]:
        name = (
            f"trial {one['trial']}" if one["version"] is None else f"{run.model}@{one['version']}"
        )
        low, high = one["interval"]
        rows.append(
            [
                name,
                one["candidate"],
                _number(one["cross_validated"]),
                _number(one["held_out"][metric]),
                f"{low:.4f} to {high:.4f}",
            ]
        )
    baseline = result["baseline"]
    rows.append([f"baseline {baseline['name']}", None, None, _number(baseline["held_out"][metric])])
    champion = result["champion"]
    if champion is not None:
        name = f"champion {run.model}@{champion['version']}"
        held_out = champion.get("held_out", {}).get(metric)
        rows.append([name, champion["problem"], None, _number(held_out)])
    return rows


def print_status(ledger: Ledger, folder: Path, name: str | None, *, as_json: bool) -> None:
    """One run with its steps and trials, or all runs."""
    if name is None:
        _print_runs(ledger.runs(), folder, as_json=as_json)
        return
    run, steps, trials = ledger.run(name), ledger.steps(name), ledger.trials(name)
    state = state_of(run, folder)
    done = steps_of(steps)
    if as_json:
        listed = [step_json(step) for step in done]
        body = {**run_json(run), "state": state, "steps": listed}
        output.print_json({**body, "trials": [trial_json(trial) for trial in trials]})
        return
    click.echo(f"{run.id}: {state}, attempt {run.attempts}")
    if run.error:
        click.echo(f"  {run.error}")
    rows = [[step.name, f"{step.seconds:.1f} s", step.output_digest[:12]] for step in done]
    output.print_table("Steps", ["step", "took", "digest"], rows)
    if trials:
        heads = ["trial", "candidate", "parameters", "value", "seconds", "error"]
        output.print_table("Trials", heads, [_trial_row(trial) for trial in trials])
    if run.result is not None:
        print_result(run)


def _print_runs(runs: Sequence[Run], folder: Path, *, as_json: bool) -> None:
    if as_json:
        output.print_json([{**run_json(run), "state": state_of(run, folder)} for run in runs])
        return
    rows = []
    for run in runs:
        versions = (run.result or {}).get("versions", [])
        named = ", ".join(f"{run.model}@{version}" for version in versions)
        began = output.shown_time(run.created_at)
        rows.append([run.id, state_of(run, folder), began, run.attempts, named, run.error])
    heads = ["run", "state", "began", "attempts", "registered", "error"]
    output.print_table(f"Runs in {folder}", heads, rows)


def _trial_row(trial: Trial) -> list[object]:
    parameters = ", ".join(f"{name}={_short(value)}" for name, value in trial.parameters.items())
    error = (trial.error or "").strip().rpartition("\n")[2][:_LONGEST]
    value, seconds = _number(trial.value), f"{trial.seconds:.2f}"
    return [trial.number, trial.candidate, parameters or "defaults", value, seconds, error]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
