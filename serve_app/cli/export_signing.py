"""`serve-app export sign` and `verify`: signatures beside artifacts and their inventories."""

from __future__ import annotations

from pathlib import Path

import click

argument_files = click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)


@click.command()
@argument_files
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The private key (PEM); serve-app export key makes one.",
)
@click.option("--force", is_flag=True, help="Overwrite a signature that is there already.")
def sign(files: tuple[Path, ...], key: Path, force: bool) -> None:
    """Write FILE.sig beside each file: who has the public key sees whether a byte was changed.

    \b
      serve-app export key release.pem
      serve-app export sign dist/sbom.cdx.json dist/*.whl --key release.pem
    """  # noqa: D301 - click looks for the character
    from serve_app.export import signing
    from serve_app.export.keys import private_key
    from serve_app.export.place import write_file

    private = private_key(key.read_bytes())
    signatures = {signing.beside(file): signing.signature(file, private) for file in files}
    for path, content in signatures.items():
        write_file(path, content, force=force)
        click.echo(str(path))


@click.command()
@argument_files
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key (PEM) of who signed.",
)
def verify(files: tuple[Path, ...], key: Path) -> None:
    """Compare each file with the signature beside it; the first that differs is an error.

    \b
      serve-app export verify dist/sbom.cdx.json --key release.pub.pem
    """  # noqa: D301 - click looks for the character
    from serve_app.export import signing
    from serve_app.export.keys import public_key

    public = public_key(key.read_bytes())
    for file in files:
        signing.check(file, public)
        click.echo(f"{file}: as it was signed")
