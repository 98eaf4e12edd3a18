"""`serve-app init`: a config for what is registered, or for what runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from serve_app.cli import output
from serve_app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from serve_app.cluster.node import Running
    from serve_app.registry.store import Registry

DEFAULT_FILE = "configs/mine.yaml"


@click.command()
@click.argument("file", default=DEFAULT_FILE, type=click.Path(dir_okay=False))
@click.option(
    "--placement",
    type=click.Choice(["inline", "replicas"]),
    default="inline",
    show_default=True,
    help="Compute in the gateway, or in replicas of each version's own.",
)
@click.option("--running", "of_running", is_flag=True, help="Write what runs now.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--allow-pickle", is_flag=True, help="Let replicas load pickles: they can run code.")
@click.option("--http-port", type=int, help="Where clients send requests.  [default: as it runs]")
@output.option_registry
@output.option_state
@output.as_json
def init(
    file: str,
    placement: str,
    of_running: bool,
    force: bool,
    allow_pickle: bool,
    http_port: int | None,
    registry: str,
    state: str,
    as_json: bool,
) -> None:
    """Write a config FILE with an endpoint for each registered model.

    Its champion answers, or its newest version where no alias is called so. What is written
    passes `serve-app validate`, can be deployed as it is, and says what else could stand there.
    With --running it is what the cluster runs now instead, endpoints that were added at run time
    included.

    FILE is configs/mine.yaml unless another is named.
    """
    from serve_app.cli.registries import open_registry
    from serve_app.cluster.node import Cluster

    path = Path(file)
    if path.exists() and not force:
        msg = f"{path} is there already; name another file, or write over it with --force"
        raise Conflict(msg)
    cluster = Cluster(Path(state))
    if of_running:
        text, names = _running_config(cluster.require())
    else:
        running = cluster.running()
        port = http_port or (8000 if running is None else running.http_port)
        places = _places(running, registry, state)
        text, names = _registered_config(
            open_registry(registry), places, port, placement, allow_pickle
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if as_json:
        output.print_json({"file": file, "endpoints": names})
        return
    click.echo(f"wrote {path} with the endpoints {', '.join(names)}")
    click.echo(f"next  serve-app deploy {path}")


def _running_config(running: Running) -> tuple[str, list[str]]:
    from serve_app.serving.deploying import changes, declaration
    from serve_app.serving.deploying.written import running_text

    config = changes.as_it_runs(running)
    names = list(declaration.endpoints(config))
    if not names:
        raise NotFound("no endpoint runs; serve-app init without --running starts from models")
    return running_text(config), names


def _registered_config(
    store: Registry, places: tuple[str, str], http_port: int, placement: str, allow_pickle: bool
) -> tuple[str, list[str]]:
    from serve_app.serving.deploying.written import Layout, chosen, registered_text

    versions = chosen(store)
    pickles = [one.reference for one in versions.predictors if one.needs_consent]
    if pickles and not allow_pickle:
        output.warn(
            f"left out: {', '.join(pickles)} can run any code when it is loaded (a pickle); with "
            "--allow-pickle it gets replicas that may"
        )
        versions = versions.without(pickles)
    if not versions.predictors:
        msg = "no registered model could answer; serve-app register puts one there"
        raise NotFound(msg)
    layout = Layout(*places, http_port, inline=placement == "inline")
    return registered_text(versions, layout), [one.name for one in versions.predictors]


def _places(running: Running | None, registry: str, state: str) -> tuple[str, str]:
    """Registry and state as the config writes them: from where the cluster starts its paths."""
    if running is None:
        return registry, state
    from serve_app.serving.deploying.changes import path_at_home

    return path_at_home(running, registry), path_at_home(running, state)
