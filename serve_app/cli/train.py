"""`serve-app train`: from a pipeline's file to registered versions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output, train_places
from serve_app.cli.registries import open_registry, open_to_train, option_signer
from serve_app.cli.train_events import published
from serve_app.cli.train_explain import explain
from serve_app.cli.train_route import route

if TYPE_CHECKING:
    from serve_app.config.pipeline import PipelineSettings
    from serve_app.lifecycle.ledger import Run
    from serve_app.lifecycle.progress import Report
    from serve_app.lifecycle.training import Training
    from serve_app.registry.store import Registry


@click.group()
def train() -> None:
    """Train, search and judge models as pipelines say, and register the best."""


@train.command()
@click.argument("file", metavar="PIPELINE", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--fresh",
    "--no-reuse",
    "fresh",
    is_flag=True,
    help="Begin a new run, also where one was interrupted: nothing of any other is used.",
)
@train_places.option_place
@train_places.option_runs
@option_signer
@output.option_registry
@output.as_json
def run(file: str, fresh: bool, runs: str, registry: str, as_json: bool, **given: Any) -> None:
    """Train as PIPELINE says, and register the best.

    A run of the same pipeline that was interrupted goes on where it was.
    """
    from serve_app.lifecycle.spec import read_pipeline

    settings = read_pipeline(Path(file))
    store = open_to_train(registry, given["sign_key"], given["signer"])

    def work(training: Training) -> Run:
        unfinished = None if fresh else training.unfinished(settings)
        return training.work_on(unfinished or training.create(settings))

    count = min(settings.search.parallel, os.cpu_count() or 1)
    hands = train_places.hands(given, settings, count, as_json=as_json)
    with published(runs, given["state"]):
        done = _worked(work, runs, store, hands, as_json=as_json)
    _print_run(done, as_json=as_json)


@train.command()
@click.argument("name", metavar="RUN")
@train_places.option_place
@train_places.option_runs
@option_signer
@output.option_registry
@output.as_json
def resume(name: str, runs: str, registry: str, as_json: bool, **given: Any) -> None:
    """Go on with RUN, which was interrupted."""
    store = open_to_train(registry, given["sign_key"], given["signer"])
    hands = train_places.hands(given, _settings(runs, name), 1, as_json=as_json)

    def work(training: Training) -> Run:
        return training.work_on(training.ledger.run(name))

    with published(runs, given["state"]):
        done = _worked(work, runs, store, hands, as_json=as_json)
    _print_run(done, as_json=as_json)


@train.command()
@click.argument("name", metavar="RUN")
@train_places.option_place
@train_places.option_runs
@output.option_registry
@output.as_json
def rerun(name: str, runs: str, registry: str, as_json: bool, **given: Any) -> None:
    """Do RUN again on the very same rows, and say whether the same comes out.

    Nothing is registered. Exit code 1 where parameters or predictions differ.
    """
    from serve_app.lifecycle.ledger import Ledger
    from serve_app.lifecycle.reproduction import compared
    from serve_app.lifecycle.training import repeat

    ledger = Ledger(Path(runs))
    old = ledger.run(name)
    hands = train_places.hands(given, _settings(runs, name), 1, as_json=as_json)
    store = open_registry(registry)
    with published(runs, given["state"]):
        new = _worked(lambda training: repeat(training, old), runs, store, hands, as_json=as_json)
    outcome = compared(ledger, Path(runs), old, new)
    if as_json:
        output.print_json(outcome.to_json())
    else:
        largest = f"predictions differ by {outcome.largest_difference:.3g} at most"
        verdict = "the same came out" if outcome.is_equal else "something else came out"
        click.echo(f"{outcome.new} repeats {outcome.old}: {verdict}; {largest}")
        for line in outcome.results:
            click.echo(f"  result: {line}")
        for line in outcome.surroundings:
            click.echo(f"  surroundings: {line}")
    if not outcome.is_equal:
        raise click.exceptions.Exit(1)


@train.command()
@click.argument("name", metavar="[RUN]", required=False)
@train_places.option_runs
@output.as_json
def status(name: str | None, runs: str, as_json: bool) -> None:
    """See RUN with its steps and trials, or all runs."""
    from serve_app.cli.train_tables import print_status
    from serve_app.lifecycle.ledger import Ledger

    print_status(Ledger(Path(runs)), Path(runs), name, as_json=as_json)


@train.command()
@click.argument("name", metavar="RUN")
@train_places.option_runs
@output.as_json
def cancel(name: str, runs: str, as_json: bool) -> None:
    """Stop RUN: what is computed is dropped, and nothing is registered."""
    from serve_app.lifecycle.cancelling import cancelled
    from serve_app.lifecycle.ledger import Ledger

    ledger = Ledger(Path(runs))
    done = cancelled(ledger, Path(runs), ledger.run(name), time.time())
    if as_json:
        output.print_json({"run": done.id, "state": done.state, "cancel": done.cancel})
    elif done.state == "CANCELLED":
        click.echo(f"{done.id} is cancelled")
    else:
        click.echo(f"{done.id} stops as soon as its process sees it")


train.add_command(explain)
train.add_command(route)


def _settings(runs: str, name: str) -> PipelineSettings:
    """The pipeline of a run."""
    from serve_app.lifecycle.ledger import Ledger
    from serve_app.lifecycle.spec import pipeline_of

    return pipeline_of(dict(Ledger(Path(runs)).run(name).body))


def _worked(
    work: Callable[[Training], Run],
    runs: str,
    store: Registry,
    hands: train_places.Hands,
    *,
    as_json: bool,
) -> Run:
    """What became of work on a run, with one display of what goes on meanwhile."""
    with output.progress().status("importing …") as spinner, hands as (executors, workers):
        from serve_app.cli.train_tables import shown
        from serve_app.lifecycle.sequence import Means
        from serve_app.lifecycle.training import Training

        report: Report = shown(spinner, quiet=as_json)
        means = Means(store, executors, time.time, workers)
        return work(Training(Path(runs), means, report))


def _print_run(done: Run, *, as_json: bool) -> None:
    """Say how a run ended; exit code 1 where nothing was registered."""
    from serve_app.cli.train_tables import print_result
    from serve_app.lifecycle.run_status import run_json

    if as_json:
        output.print_json(run_json(done))
    else:
        print_result(done)
    if done.state != "SUCCEEDED":
        raise click.exceptions.Exit(1)
