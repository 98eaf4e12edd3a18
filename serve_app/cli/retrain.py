"""`serve-app retrain`: train a pipeline again, and let what is better become champion."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.registries import open_registry
from serve_app.cli.retrain_demo import demo
from serve_app.cli.retrain_place import (
    RetrainingPlace,
    body_of_retraining,
    option_place,
    option_reason,
    option_working_place,
)
from serve_app.cli.retrain_rollback import rollback
from serve_app.cli.retrain_tables import print_run, print_status, trigger_words
from serve_app.cli.retrain_watch import watch
from serve_app.core import reference as references
from serve_app.errors import Conflict


@click.group()
def retrain() -> None:
    """Train pipelines again, judge what comes of it, and promote what is better.

    A run goes on where it was, whatever became of the process that worked on it.
    """


@retrain.command()
@click.argument("file", metavar="PIPELINE", type=click.Path(exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Whatever cool-down, budget and new rows say.")
@click.option("--key", help="The same key twice is one run.  [default: a new one]")
@option_reason
@option_working_place
def start(file: str, force: bool, key: str | None, reason: str, as_json: bool, **at: Any) -> None:
    """Train as PIPELINE says, unless a guard forbids it, and go as far as that goes.

    A run of the same model that was interrupted goes on first. Exit code 1 where a guard forbids
    it, or where the run ended as anything but PROMOTED.
    """
    from serve_app.lifecycle.retraining.trigger import Trigger
    from serve_app.lifecycle.spec import read_pipeline

    settings = read_pipeline(Path(file))
    place = RetrainingPlace(**at, quiet=as_json)
    place.check_signing()
    unfinished = place.ledger.active(settings.model)
    if unfinished is not None and unfinished.state != "APPROVAL":
        _print(place.work(settings.model), as_json=as_json)
        return
    author = place.author(reason)
    trigger = Trigger(
        settings.model, "manual", reason or "by hand", f"manual:{key or uuid.uuid4()}",
        author.at_s, author.who, forced=force,
    )  # fmt: skip
    guards = (settings.retrain or _defaults()).guards
    taken = place.intake().take(trigger, settings.pipeline, body_of_retraining(settings), guards)
    if taken.run is None:
        if as_json:
            output.print_json({"trigger": taken.to_json()})
        else:
            click.echo(trigger_words(taken))
        raise click.exceptions.Exit(1)
    if not taken.is_new:
        _print(place.ledger.run(taken.run), as_json=as_json)
        return
    _print(place.work(settings.model), as_json=as_json)


@retrain.command()
@click.argument("model")
@option_working_place
def resume(model: str, as_json: bool, **at: Any) -> None:
    """Go on with the run of MODEL: after an interruption, a thaw, or while a canary goes on."""
    place = RetrainingPlace(**at, quiet=as_json)
    run = place.work(model)
    if run is None:
        raise Conflict(f"no run of {model} goes on; begin one: serve-app retrain start PIPELINE")
    _print(run, as_json=as_json)


@retrain.command()
@click.argument("name", metavar="[RUN]", required=False)
@option_place
def status(name: str | None, as_json: bool, **at: Any) -> None:
    """See RUN with its gates and events, or all runs, triggers and freezes."""
    print_status(RetrainingPlace(**at), name, as_json=as_json)


@retrain.command()
@click.argument("name", metavar="RUN")
@click.option("--digest", help="Only what has this digest, as `retrain status RUN` shows it.")
@option_reason
@option_working_place
def approve(name: str, digest: str | None, reason: str, as_json: bool, **at: Any) -> None:
    """Agree that the challenger of RUN takes over, and go on with it."""
    _decide(RetrainingPlace(**at, quiet=as_json), name, reason, digest, as_json, approved=True)


@retrain.command()
@click.argument("name", metavar="RUN")
@option_reason
@option_working_place
def reject(name: str, reason: str, as_json: bool, **at: Any) -> None:
    """Let the champion stay, and end RUN."""
    _decide(RetrainingPlace(**at, quiet=as_json), name, reason, None, as_json, approved=False)


@retrain.command()
@click.argument("name", metavar="RUN")
@option_reason
@option_working_place
def cancel(name: str, reason: str, as_json: bool, **at: Any) -> None:
    """End RUN: at once, or by going back where it has live traffic."""
    from serve_app.lifecycle.retraining import decisions

    place = RetrainingPlace(**at, quiet=as_json)
    place.check_signing()
    run = place.ledger.run(name)
    decisions.cancel(place.ledger, run, place.author(reason))
    _go_on(place, run.model, name, as_json=as_json)


@retrain.command()
@click.argument("model")
@option_reason
@option_place
def freeze(model: str, reason: str, as_json: bool, **at: Any) -> None:
    """Begin no run of MODEL, take no step of its canary, promote nothing; rollback goes on."""
    from serve_app.lifecycle.retraining import decisions

    place = RetrainingPlace(**at)
    _check_known(place, model)
    frozen = decisions.freeze(place.database, model, place.author(reason))
    place.publish(model)
    if as_json:
        output.print_json({"model": model, "frozen": True, "who": frozen.who, "why": frozen.why})
    else:
        click.echo(f"{model} is frozen by {frozen.who}; serve-app retrain unfreeze {model}")


@retrain.command()
@click.argument("model")
@option_reason
@option_place
def unfreeze(model: str, reason: str, as_json: bool, **at: Any) -> None:
    """Let runs of MODEL begin and go on again."""
    from serve_app.lifecycle.retraining import decisions

    place = RetrainingPlace(**at)
    was = decisions.unfreeze(place.database, model, place.author(reason))
    place.publish(model)
    if as_json:
        output.print_json({"model": model, "frozen": False, "was_frozen": was})
    else:
        click.echo(f"{model} is {'not frozen any more' if was else 'not frozen'}")


retrain.add_command(rollback)
retrain.add_command(watch)
retrain.add_command(demo)


def _decide(
    place: RetrainingPlace, name: str, reason: str, digest: str | None, as_json: bool, *,
    approved: bool,
) -> None:  # fmt: skip
    from serve_app.lifecycle.retraining import decisions

    place.check_signing()
    run = place.ledger.run(name)
    decisions.decide(place.ledger, run, place.author(reason), approved=approved, digest=digest)
    _go_on(place, run.model, name, as_json=as_json)


def _go_on(place: RetrainingPlace, model: str, name: str, *, as_json: bool) -> None:
    """Work on a run that somebody decided about, unless another process does anyway."""
    try:
        place.work(model)
    except Conflict as error:
        click.echo(error.message, err=True)
    run = place.ledger.run(name)
    if as_json:
        output.print_json(run.to_json())
    else:
        print_run(place.ledger, run)


def _print(run: Any, *, as_json: bool) -> None:
    from serve_app.lifecycle.retraining.states import Run

    if not isinstance(run, Run):
        return
    if as_json:
        output.print_json(run.to_json())
    else:
        print_run(None, run)
    if run.is_over and run.state != "PROMOTED":
        raise click.exceptions.Exit(1)


def _check_known(place: RetrainingPlace, model: str) -> None:
    """Hold a name against the models that there are, or of which there was a run."""
    references.check_model(model)
    if not place.ledger.runs(model):
        open_registry(place.registry).aliases(model)


def _defaults() -> Any:
    from serve_app.config.retraining import RetrainSettings

    return RetrainSettings()
