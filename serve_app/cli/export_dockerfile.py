"""`serve-app export dockerfile`: the file from which all three images are built."""

from __future__ import annotations

from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.export import option_target


@click.command()
@click.option(
    "--base",
    metavar="NAME@sha256:DIGEST",
    help="The image below ours, with Python 3.11; else --build-arg BASE=… names it.",
)
@option_target
@output.as_json
def dockerfile(base: str | None, out: str, force: bool, as_json: bool) -> None:
    """Write the Dockerfile of the images full, serve and edge.

    \b
      serve-app export dockerfile --out deployments/docker --force
      docker build --file deployments/docker/Dockerfile --target serve .
    """  # noqa: D301 - click looks for the character
    from serve_app.export.place import write_file
    from serve_app.platforms.images.dockerfile import dockerfile as text
    from serve_app.platforms.images.targets import TARGETS

    path = Path(out) / "Dockerfile"
    write_file(path, text(base).encode(), force=force)
    names = [one.name for one in TARGETS]
    if as_json:
        output.print_json({"file": str(path), "targets": names, "base": base})
        return
    click.echo(f"{path}: for --target {', '.join(names)}")
    if base is None:
        click.echo("  build it with --build-arg BASE=python:3.11-slim-bookworm@sha256:…")
