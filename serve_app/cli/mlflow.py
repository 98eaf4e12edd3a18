"""`serve-app mlflow`: tell a server of MLflow's of versions, and let aliases follow."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_model, complete_version
from serve_app.cli.mlflow_predict import models
from serve_app.cli.registries import open_registry

if TYPE_CHECKING:
    from serve_app.registry.mlflow.aliases import Source
    from serve_app.registry.mlflow.client import MlflowClient
    from serve_app.registry.mlflow.outbox import Delivery, Waiting
    from serve_app.registry.store import Registry


def _option_outbox(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--outbox",
        type=click.Path(file_okay=False),
        default="./state/mlflow-outbox",
        show_default=True,
        envvar="SERVE_APP_MLFLOW_OUTBOX",
        help="The folder of what waits for a server that is away.",
    )(function)


def _option_server(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--server",
        metavar="URL",
        required=True,
        envvar="MLFLOW_TRACKING_URI",
        help="MLflow's server, such as http://127.0.0.1:5000. Password or token: "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
    )(function)


@click.group()
def mlflow() -> None:
    """Tell a server of MLflow's of versions, let aliases follow, answer files as MLflow does."""


mlflow.add_command(models)


@mlflow.command()
@click.argument(
    "references",
    metavar="MODEL[@VERSION|@ALIAS] …",
    nargs=-1,
    required=True,
    shell_complete=complete_version,
)
@_option_server
@click.option(
    "--experiment", default="serve-app", show_default=True, help="The experiment of its runs."
)
@_option_outbox
@output.option_registry
@output.as_json
def export(
    references: tuple[str, ...],
    server: str,
    experiment: str,
    outbox: str,
    registry: str,
    as_json: bool,
) -> None:
    """Tell MLflow of versions: a run with parameters, metrics, rows and tags, and a version.

    A model without a version is all of its versions. Nothing is there twice, however often it is
    told. Where the server is away they wait in the outbox, for `serve-app mlflow deliver`.
    """
    from serve_app.registry.manifest import timestamp, utc_now
    from serve_app.registry.mlflow.address import server_of
    from serve_app.registry.mlflow.outbox import Outbox, Waiting

    store, box = open_registry(registry), Outbox(Path(outbox))
    place, since = server_of(server), timestamp(utc_now())
    wanted = [one for reference in references for one in _versions(store, reference)]
    for reference in wanted:
        box.add(Waiting(place, reference, experiment, since))
    names = set(wanted)
    deliveries = [one for one in _delivered(box, store) if one.waiting.reference in names]
    _print(deliveries, as_json=as_json)


@mlflow.command()
@_option_outbox
@output.option_registry
@output.as_json
def deliver(outbox: str, registry: str, as_json: bool) -> None:
    """Tell MLflow of what waits in the outbox; exit code 1 where something goes on waiting."""
    from serve_app.registry.mlflow.outbox import Outbox

    deliveries = _delivered(Outbox(Path(outbox)), open_registry(registry))
    _print(deliveries, as_json=as_json)
    if any(one.why is not None for one in deliveries):
        raise click.exceptions.Exit(1)


@mlflow.command()
@click.argument("model", shell_complete=complete_model)
@_option_server
@click.option(
    "--source",
    type=click.Choice(["here", "mlflow"]),
    required=True,
    help="Whose aliases lead: those of this registry, or MLflow's. The other side follows.",
)
@output.option_registry
@output.as_json
def aliases(model: str, server: str, source: str, registry: str, as_json: bool) -> None:
    """Let the aliases of MODEL on one side follow those on the other, one way for good."""
    from serve_app.registry.mlflow.aliases import sync_aliases

    changes = sync_aliases(_client(server), open_registry(registry), model, cast("Source", source))
    if as_json:
        output.print_json({"model": model, "changes": [asdict(one) for one in changes]})
        return
    if not changes:
        click.echo(f"the aliases of {model} are the same on both sides")
    side = "MLflow's" if source == "here" else "here"
    for one in changes:
        if one.skipped is not None:
            output.warn(f"{one.alias} is left alone: {one.skipped}")
        elif one.version is None:
            click.echo(f"{one.alias} is removed ({side})")
        else:
            click.echo(f"{one.alias} names version {one.version} ({side})")


def _client(server: str) -> MlflowClient:
    from serve_app.registry.mlflow.client import MlflowClient, credentials_of

    return MlflowClient(server, credentials_of(os.environ))


def _versions(store: Registry, reference: str) -> list[str]:
    """The versions that a reference names: all of a model, or one."""
    if "@" in reference:
        name, number = store.resolve(reference)
        return [f"{name}@{store.manifest(name, number).version}"]
    numbers = store.versions(reference)
    if not numbers:
        # It says which models there are.
        store.manifest(reference, 1)
    return [f"{reference}@{number}" for number in numbers]


def _delivered(box: Any, store: Registry) -> list[Delivery]:
    from serve_app.registry.mlflow.exporting import export_version

    def tell(waiting: Waiting) -> None:
        manifest = store.manifest(*store.resolve(waiting.reference))
        export_version(_client(waiting.server), manifest, experiment=waiting.experiment)

    with output.progress().status("telling MLflow …"):
        return list(box.deliver(tell))


def _print(deliveries: list[Delivery], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {"version": one.waiting.reference, "server": one.waiting.server, "waits_for": one.why}
            for one in deliveries
        ]
        output.print_json({"deliveries": rows})
        return
    for one in deliveries:
        if one.why is None:
            click.echo(f"{one.waiting.reference} is on {one.waiting.server}")
        else:
            output.warn(f"{one.waiting.reference} waits in the outbox: {one.why}")
    if not deliveries:
        click.echo("nothing waits")
