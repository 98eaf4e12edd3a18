"""`serve-app export bundle` and `key`: signed updates for devices, and what signs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.export import (
    argument_version,
    option_target,
    option_wheel,
    tell,
    wheel_options,
)


@click.command()
@argument_version
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help="The private key (PEM) that signs it; serve-app export key makes one.",
)
@option_wheel
@option_target
@output.option_registry
@output.as_json
def bundle(
    reference: str,
    registry: str,
    out: str,
    key: str,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a signed bundle of one version, which devices take as an update.

    \b
      serve-app export bundle churn@2 --key update-key.pem
      python -m churn_1.update --from dist/churn-2.edge     on the device
    """  # noqa: D301 - click looks for the character
    from serve_app.cli.registries import open_registry
    from serve_app.export.bundle import export_bundle
    from serve_app.registry.named import named
    from serve_app.security.signing import private_key

    store = open_registry(registry)
    version = named(store, reference)
    private = private_key(Path(key).read_bytes())
    exported = export_bundle(store, *version, private, wheel_options(**options))
    tell(exported, out, force=force, as_json=as_json)


@click.command()
@click.argument("path", metavar="KEY.pem", type=click.Path(dir_okay=False))
@output.as_json
def key(path: str, as_json: bool) -> None:
    """Make a pair of keys: KEY.pem signs bundles, KEY.pub.pem goes into wheels.

    Neither overwrites a file: a device that trusts a lost key takes no more updates.
    """
    from serve_app.cli.key_files import write_key_pair

    private_path = Path(path)
    public_path = write_key_pair(private_path)
    if as_json:
        output.print_json({"private": str(private_path), "public": str(public_path)})
        return
    click.echo(f"{private_path}: keep it secret; it signs bundles")
    click.echo(f"{public_path}: give it to export wheel --update-key")
