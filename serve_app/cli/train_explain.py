"""`serve-app train explain`: which steps of a run are used as they are, and why others not."""

from __future__ import annotations

from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.train_places import option_runs

_WORDS = {
    "reused": "used as it is",
    "anew": "done anew",
    "depends": "done anew",
    "not done": "not done yet",
}


@click.command()
@click.argument("name", metavar="RUN")
@option_runs
@output.as_json
def explain(name: str, runs: str, as_json: bool) -> None:
    """Say of each step of RUN whether it would be used if the run went on now, and why not.

    Steps go by content: rows, modules that are imported, versions of libraries, and the pipeline.
    """
    from serve_app.lifecycle.cards import sections
    from serve_app.lifecycle.digests import libraries
    from serve_app.lifecycle.explanation import changed_files, explained
    from serve_app.lifecycle.inputs import StepInputs
    from serve_app.lifecycle.ledger import Ledger
    from serve_app.lifecycle.spec import pipeline_of

    ledger = Ledger(Path(runs))
    run, done = ledger.run(name), ledger.steps(name)
    settings = pipeline_of(dict(run.body))
    inputs = StepInputs(run.body, settings, libraries())
    listed = explained(done, inputs, Path(runs) / name, sections(settings))
    files = list(changed_files(done))
    if as_json:
        steps = [
            {"step": one.step, "verdict": one.verdict, "reasons": list(one.reasons)}
            for one in listed
        ]
        output.print_json({"run": name, "state": run.state, "steps": steps, "files": files})
        return
    rows = [[one.step, _WORDS[one.verdict], "\n".join(one.reasons)] for one in listed]
    output.print_table(f"{name} ({run.state}), if it went on now", ["step", "is", "since"], rows)
    for line in files:
        click.echo(f"{line}: this run goes on with the rows that it kept, a new one reads anew")
