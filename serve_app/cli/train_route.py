"""`serve-app train route`: the versions of a run behind a route that chooses by what happens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.registries import open_to_train, option_signer
from serve_app.cli.train_places import option_runs
from serve_app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from serve_app.lifecycle.ledger import Run
    from serve_app.registry.store import Registry

KINDS = ("bandit", "canary", "split")


@click.command()
@click.argument("name", metavar="RUN")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="bandit",
    show_default=True,
    help="bandit: more requests to who earns more; canary: the best takes over step by step; "
    "split: the same share to each.",
)
@click.option(
    "--preprocess",
    is_flag=True,
    help="Let versions with the same preprocessing share it: rows are prepared once, whoever "
    "answers. Registers it, and the versions without it.",
)
@click.option("--endpoint", help="What clients call.  [default: the pipeline's model]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    help="Write a whole config, ready to be deployed, in place of printing the endpoint.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--http-port", type=int, default=8000, show_default=True, help="That of the config.")
@option_signer
@option_runs
@output.option_registry
@output.option_state
@output.as_json
def route(name: str, as_json: bool, **given: Any) -> None:
    """Let the versions that RUN registered compete for live requests, beside the champion.

    Prints the endpoint as a config declares it; --out writes a config with it.
    """
    from serve_app.lifecycle.ledger import Ledger
    from serve_app.lifecycle.live_route import endpoint_of
    from serve_app.registry.aliases import CHAMPION

    run = Ledger(Path(given["runs"])).run(name)
    store = open_to_train(given["registry"], given["sign_key"], given["signer"])
    endpoint = given["endpoint"] or run.model
    if given["preprocess"]:
        body = _shared(run, store, given)
    else:
        body = endpoint_of(run, given["kind"], _alias(store, run.model, CHAMPION))
    if given["out"] is not None:
        _write(Path(given["out"]), endpoint, body, given)
    if as_json:
        output.print_json({"endpoints": {endpoint: body}})
    elif given["out"] is None:
        click.echo(_yaml({"endpoints": {endpoint: body}}).rstrip("\n"))
    else:
        click.echo(f"wrote {given['out']} with the endpoint {endpoint}")
        click.echo(f"next  serve-app deploy {given['out']}")


def _shared(run: Run, store: Registry, given: dict[str, Any]) -> dict[str, Any]:
    """The endpoint of the versions that share their preprocessing."""
    from serve_app.lifecycle.live_route import endpoint_behind
    from serve_app.lifecycle.shared_preprocessing import shared
    from serve_app.lifecycle.training import work_of

    made = shared(run, work_of(run, Path(given["runs"])), store)
    for version in made.left_out:
        click.echo(f"left out: {run.model}@{version}, whose preprocessing is another", err=True)
    return endpoint_behind(run, given["kind"], made)


def _alias(store: Registry, model: str, alias: str) -> int | None:
    try:
        return store.aliases(model).get(alias)
    except NotFound:
        return None


def _write(path: Path, endpoint: str, body: dict[str, Any], given: dict[str, Any]) -> None:
    """A config with one endpoint.

    Raises:
        Conflict: the file is there, and is not to be written over.
    """
    from serve_app.serving.deploying.written import Layout, config_text

    if path.exists() and not given["force"]:
        msg = f"{path} is there already; name another file, or write over it with --force"
        raise Conflict(msg)
    layout = Layout(given["registry"], given["state"], given["http_port"], inline=True)
    what = f"Versions of a training run at {endpoint}; what happens live says which of them stays."
    path.parent.mkdir(parents=True, exist_ok=True)
    output.write_whole(path, config_text(what, _yaml({endpoint: body}), layout))


def _yaml(body: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True)
