"""`serve-app build`: the context of an image that holds one version and fetches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from serve_app.cli import output
from serve_app.cli.export import argument_version
from serve_app.cli.pairs import Pair

if TYPE_CHECKING:
    from serve_app.platforms.images.baked import Kind


@click.command()
@argument_version
@click.option(
    "--kind",
    type=click.Choice(["edge", "serve"]),
    default="serve",
    show_default=True,
    help="serve answers over HTTP (serve-app run), edge rows on standard input.",
)
@click.option(
    "--image",
    required=True,
    metavar="NAME@sha256:DIGEST",
    help="Which of our images it is made on, by digest.",
)
@click.option(
    "--label", "labels", type=Pair("KEY=VALUE", "team=risk"), multiple=True, metavar="KEY=VALUE",
    help="A label of the image.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="./image",
    show_default=True,
    help="The folder of the context.",
)
@click.option("--force", is_flag=True, help="Write into a folder that holds a context already.")
@output.option_registry
@output.as_json
def build(
    reference: str,
    kind: Kind,
    image: str,
    labels: tuple[tuple[str, str], ...],
    out: Path,
    force: bool,
    registry: str,
    as_json: bool,
) -> None:
    """Make a folder from which an image of one version is built, with the version as last layer.

    \b
      serve-app build churn@3 --kind serve --image registry.example/serve-app@sha256:… --out image
      docker build --tag churn:3 image
    """  # noqa: D301 - click looks for the character
    from serve_app.cli.registries import open_registry
    from serve_app.platforms.images.baked import BakeOptions, bake, write_context
    from serve_app.registry.named import named

    store = open_registry(registry)
    options = BakeOptions(image, dict(labels))
    baked = bake(store, named(store, reference), kind, options)
    write_context(baked, out, force=force)
    if as_json:
        output.print_json(
            {
                "folder": str(out),
                "version": baked.manifest.reference,
                "kind": kind,
                "image": image,
                "layer_bytes": baked.size_bytes,
            }
        )
        return
    click.echo(f"{out}: {baked.manifest.reference}, a layer of {baked.size_bytes / 1000:,.0f} kB")
    click.echo(f"next  docker build --tag {baked.manifest.name}:{baked.manifest.version} {out}")
