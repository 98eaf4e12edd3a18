"""`serve-app serve`: one model, from its file to an answered request, in one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from serve_app.cli import extent, output, ports
from serve_app.cli.completion import complete_version
from serve_app.cli.mlflow_models import ModelPlace
from serve_app.cli.register import registered
from serve_app.cli.register_options import Options, options
from serve_app.core.reference import alias_of, model_of

if TYPE_CHECKING:
    from serve_app.quickstart import Place, Served
    from serve_app.registry.manifest import Manifest


@click.command()
@click.argument("name", metavar="NAME[@VERSION|@ALIAS]", shell_complete=complete_version)
@click.argument("file", metavar="[PATH]", required=False, type=ModelPlace())
@click.option(
    "--placement",
    type=click.Choice(["inline", "replicas"]),
    help="Compute in the gateway, or in replicas of the version's own.  [default: inline, or as "
    "the endpoint was before]",
)
@options
@ports.of_the_head
@extent.full
@click.option(
    "--timeout-s", "--timeout", default=180.0, show_default=True, help="How long to wait."
)
@output.option_registry
@output.option_state
@output.as_json
def serve(name: str, file: str | None, registry: str, as_json: bool, **given: Any) -> None:
    """Serve the model in PATH under NAME, and print a request with its answer.

    PATH and its options are those of `serve-app register`. Without PATH, NAME is what is
    registered: its newest version, or NAME@3, or NAME@champion, which is followed.

    A cluster is started where none runs. Where one runs, everything that answers goes on, and an
    endpoint NAME moves to the new version with no failed request. The next `serve-app deploy`
    of a file supersedes it; `serve-app init --running` writes it down.
    """
    from serve_app import quickstart
    from serve_app.cli.registries import open_registry
    from serve_app.registry.named import named

    registration = Options(**{key: given.pop(key) for key in Options.__dataclass_fields__})
    place = _place(registry, registration, given)
    if file is None:
        _only_registered(name)
        quickstart.check_free(model_of(name), place)
        store = open_registry(registry)
        manifest = store.manifest(*named(store, name))
    else:
        if "@" in name:
            msg = f"{name}: a new version gets its number by itself; give the model's name alone."
            raise click.UsageError(msg)
        quickstart.check_free(name, place)
        manifest = registered(name, file, registry, registration, as_json=as_json)
    _print(_served(manifest, place, alias_of(name)), as_json=as_json)


def _place(registry: str, registration: Options, given: dict[str, Any]) -> Place:
    from serve_app.cluster.environment import Ports
    from serve_app.quickstart import Place

    return Place(
        registry=registry,
        state=Path(given["state"]),
        ports=Ports(
            http=given["http_port"],
            dashboard=given["dashboard_port"],
            first=given["internal_ports"],
            prometheus=given["prometheus_port"],
        ),
        placement=given["placement"],
        allow_pickle=registration.allow_pickle,
        timeout_s=given["timeout_s"],
        full=given["full"],
    )


def _only_registered(name: str) -> None:
    """Refuse options about a file where none is named."""
    ctx = click.get_current_context()
    for parameter in ctx.command.params:
        about_a_file = parameter.name in set(Options.__dataclass_fields__) - {"allow_pickle"}
        written = ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if about_a_file and written:
            msg = (
                f"{parameter.opts[0]} is about a model that is registered now; name its file: "
                f"serve-app serve {name.partition('@')[0]} PATH {parameter.opts[0]} …"
            )
            raise click.UsageError(msg)


def _served(manifest: Manifest, place: Place, alias: str | None) -> Served:
    from serve_app.quickstart import serve_version

    with output.progress().status("…") as status:
        return serve_version(manifest, place, output.tell(status), alias=alias)


def _print(served: Served, *, as_json: bool) -> None:
    if as_json:
        output.print_json(
            {
                "endpoint": served.endpoint,
                "version": served.version,
                "url": served.url,
                "request": served.request,
                "answer": served.answer,
                "curl": served.curl,
            }
        )
        return
    click.echo(f"{served.endpoint} is answered by {served.version}. One row, and its answer:\n")
    click.echo(f"{served.curl}\n")
    click.echo(f"{json.dumps(served.answer)}\n")
    click.echo(f"API documentation  {served.documentation_url}")
    click.echo(f"Ray dashboard      {served.dashboard_url}")
    click.echo("stop it all        serve-app cluster stop")
