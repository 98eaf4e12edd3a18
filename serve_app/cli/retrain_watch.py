"""`serve-app retrain watch`: look for reasons to train again, and work on what they begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place
from serve_app.cli.retrain_place import RetrainingPlace, body_of_retraining, option_working_place
from serve_app.cli.retrain_sources import champion_since, planned, watched
from serve_app.cli.retrain_tables import run_words, trigger_words
from serve_app.cli.retrain_webhook import listening
from serve_app.config.retraining import RetrainSettings
from serve_app.errors import ConfigError, Conflict, NotReady

if TYPE_CHECKING:
    from serve_app.config.pipeline import PipelineSettings
    from serve_app.lifecycle.retraining.trigger import Recorded, Trigger

_BEGUN = "watch begins"


def _address(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, int] | None:
    """Host and port; this machine's own where no host is given."""
    if text is None:
        return None
    host, _colon, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{text!r} is no port, and no host and port")
    return host or "127.0.0.1", int(port)


@click.command()
@click.argument(
    "files", metavar="PIPELINE...", nargs=-1, required=True,
    type=click.Path(exists=True, dir_okay=False),
)  # fmt: skip
@click.option("--once", is_flag=True, help="Look once and end, as for a timer of the system.")
@click.option(
    "--interval", type=click.FloatRange(0.1), default=10.0, show_default=True,
    help="Seconds between two looks.",
)  # fmt: skip
@click.option(
    "--listen", metavar="[HOST:]PORT", callback=_address,
    help="Take signed calls of other systems there: POST /v1/retrain/MODEL.",
)  # fmt: skip
@option_working_place
def watch(
    files: tuple[str, ...],
    once: bool,
    interval: float,
    listen: tuple[str, int] | None,
    as_json: bool,
    **at: Any,
) -> None:
    """Look for planned times and what the monitor says, and train PIPELINEs again.

    It goes on until it is stopped; a run that was interrupted goes on with the next look.
    """
    from serve_app.lifecycle.retraining import schedule
    from serve_app.lifecycle.spec import read_pipeline

    place = RetrainingPlace(**at, quiet=as_json)
    pipelines = [read_pipeline(Path(file)) for file in files]
    for file, settings in zip(files, pipelines, strict=True):
        if settings.retrain is None:
            raise ConfigError(f"{file} has no part `retrain`, which says what to look for")
        if settings.retrain.triggers.schedule is not None:
            schedule.check(settings.retrain.triggers.schedule)
    calls = nullcontext() if listen is None else listening(*listen, _takes(place, pipelines))
    with calls as port:
        if port is not None:
            click.echo(f"calls are taken at port {port}", err=True)
        while True:
            for settings in pipelines:
                look(place, settings, as_json=as_json)
            if once:
                return
            time.sleep(interval)


def _takes(
    place: RetrainingPlace, pipelines: list[PipelineSettings]
) -> dict[str, Callable[[Trigger], Recorded]]:
    """How a trigger of each model is taken."""

    def take(settings: PipelineSettings, trigger: Trigger) -> Recorded:
        guards = (settings.retrain or RetrainSettings()).guards
        body = body_of_retraining(settings)
        return place.intake().take(trigger, settings.pipeline, body, guards)

    return {settings.model: partial(take, settings) for settings in pipelines}


def look(place: RetrainingPlace, settings: PipelineSettings, *, as_json: bool) -> None:
    """Take what is new of one pipeline, and move its run as far as it goes now."""
    if settings.retrain is None:
        return
    intake = place.intake()
    body = body_of_retraining(settings)
    try:
        for trigger in _reasons(place, settings):
            taken = intake.take(trigger, settings.pipeline, body, settings.retrain.guards)
            if taken.is_new:
                _say({"trigger": taken.to_json()}, trigger_words(taken), as_json=as_json)
    except NotReady as error:
        click.echo(f"{settings.model}: {error.message}", err=True)
    standing = place.ledger.active(settings.model)
    if standing is None:
        return
    try:
        run = place.work(settings.model)
    except Conflict as error:
        click.echo(f"{settings.model}: {error.message}", err=True)
        return
    if run is not None and run.version != standing.version:
        _say(run.to_json(), run_words(run), as_json=as_json)


def _reasons(place: RetrainingPlace, settings: PipelineSettings) -> Iterator[Trigger]:
    """All reasons that there are now, whether they were taken before or not."""
    retrain, now_s = settings.retrain, time.time()
    if retrain is None:
        return
    yield from planned(settings.model, retrain.triggers, _since(place, settings.model), now_s)
    if retrain.endpoint is None:
        return
    client = Place(place.server, place.state).client()
    registry = place.versions().registry
    yield from watched(
        settings.model, retrain.endpoint, retrain.triggers, client,
        lambda: champion_since(registry, settings.model), now_s,
    )  # fmt: skip


def _since(place: RetrainingPlace, model: str) -> float:
    """Since when planned times count: the last that was taken, or when somebody first looked."""
    from serve_app.lifecycle.retraining.ledger import Event, add_event

    newest_s = place.intake().newest_s(model, "schedule")
    if newest_s is not None:
        return newest_s
    first = next((one for one in place.ledger.events(model) if one.what == _BEGUN), None)
    if first is None:
        first = Event(model, time.time(), place.author("").who, _BEGUN)
        with place.database.writing() as db:
            add_event(db, first)
    return first.at_s


def _say(body: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json(body)
    else:
        click.echo(words)
