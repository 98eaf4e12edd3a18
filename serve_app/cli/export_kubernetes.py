"""`serve-app export kuberay` and `helm`: a RayService, alone or as a chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output

if TYPE_CHECKING:
    from serve_app.platforms.kubernetes.installation import Installation

Command = Callable[..., Any]
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _of_an_installation(command: Command) -> Command:
    """What both commands have to know."""
    options = (
        click.option(
            "--size",
            type=click.Choice(["local", "small", "production"]),
            default="small",
            show_default=True,
            help="What to begin with: one machine; SQLite on the head; PostgreSQL and Redis.",
        ),
        click.option("--image", metavar="NAME@sha256:DIGEST", help="What all pods run."),
        click.option("--name", default="serve-app", show_default=True, help="Of the RayService."),
        click.option(
            "--database",
            metavar="URL",
            help="Where state is, for production, without its password: "
            "postgresql+psycopg://user@host:5432/database",
        ),
        click.option(
            "--set",
            "chosen",
            multiple=True,
            metavar="PATH=VALUE",
            help="Another value of the chart, such as workers.maxReplicas=12. Again for more.",
        ),
        click.option("--force", is_flag=True, help="Overwrite files that are there already."),
        output.as_json,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("config", type=FILE)
@_of_an_installation
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="./rayservice.yaml",
    show_default=True,
    help="The file.",
)
def kuberay(config: Path, out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write a RayService with what is around it, which serves what CONFIG says.

    \b
      serve-app export kuberay configs/split.yaml --image NAME@sha256:…
      serve-app validate --production rayservice.yaml
      kubectl apply --server-side -f rayservice.yaml
    """  # noqa: D301 - click looks for the character
    from serve_app.export.place import write_file

    installation = _installation(config, **options)
    write_file(out, _checked(installation).encode(), force=force)
    if as_json:
        output.print_json({"file": str(out), "size": installation.size, "name": installation.name})
        return
    click.echo(f"{out}: serve-app validate --production {out}, then kubectl apply --server-side")


@click.command()
@click.argument("config", type=FILE, required=False)
@_of_an_installation
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="./dist",
    show_default=True,
    help="The folder for the chart's own, serve-app.",
)
def helm(config: Path | None, out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write a chart of Helm, and with CONFIG the values of an installation that serves it.

    \b
      serve-app export helm configs/split.yaml --image NAME@sha256:…
      helm install serve-app dist/serve-app -f dist/serve-app/ci/small-values.yaml
    """  # noqa: D301 - click looks for the character
    from serve_app.export.place import write_file
    from serve_app.platforms.kubernetes.chart import chart, values_file, values_path
    from serve_app.platforms.kubernetes.labels import CHART

    files = chart()
    if config is not None:
        installation = _installation(config, **options)
        _checked(installation)
        files[values_path(installation.size)] = values_file(installation)
    elif options["image"] or options["chosen"]:
        msg = "--image and --set are of an installation: name the config that it serves."
        raise click.UsageError(msg)
    for path, text in files.items():
        write_file(out / CHART / path, text.encode(), force=force)
    if as_json:
        output.print_json({"folder": str(out / CHART), "files": sorted(files)})
        return
    click.echo(f"{out / CHART}: {len(files)} files; helm install serve-app {out / CHART} -f VALUES")


def _checked(installation: Installation) -> str:
    """The manifest of an installation, with which nothing is wrong; the config has its own check.

    Raises:
        ConfigError: something is wrong; lists every problem.
    """
    from serve_app.errors import ConfigError
    from serve_app.platforms.kubernetes.checks import findings
    from serve_app.platforms.kubernetes.installation import manifest

    text = manifest(installation)
    if mistakes := findings(text):
        listed = (f"{one.key}: {one.message}" for one in mistakes)
        raise ConfigError("\n".join(["this installation would not work:", *listed]))
    return text


def _installation(
    config: Path,
    *,
    size: str,
    image: str | None,
    name: str,
    database: str | None,
    chosen: tuple[str, ...],
) -> Installation:
    """An installation of the options.

    Raises:
        InvalidInput: there is no image, or a value is not what it may be.
        NotReady: Ray is not installed, whose release the manifest has to name.
    """
    from serve_app.errors import InvalidInput, NotReady
    from serve_app.platforms.images.quoting import image_reference
    from serve_app.platforms.kubernetes.installation import DATABASE, Installation, setting
    from serve_app.platforms.ray_up.ray_files import ray_version

    if image is None:
        msg = "name the image that all pods run: --image NAME@sha256:DIGEST"
        raise InvalidInput(msg)
    release = ray_version()
    if release is None:
        msg = "Ray is not installed here: pods must run the release that the file names"
        raise NotReady(msg)
    return Installation(
        image=image_reference(image, "the image"),
        config=config.read_text("utf-8"),
        ray_version=release,
        name=name,
        size=size,
        database=database or DATABASE,
        chosen=dict(map(setting, chosen)),
    )
