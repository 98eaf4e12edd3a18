"""`serve-app export sign` and `verify`: signatures beside artifacts and their inventories."""

from __future__ import annotations

from pathlib import Path

import click

from serve_app.cli import output

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
@output.as_json
def sign(files: tuple[Path, ...], key: Path, force: bool, as_json: bool) -> None:
    """Write FILE.sig beside each file: who has the public key sees whether a byte was changed.

    \b
      serve-app export key release.pem
      serve-app export sign dist/sbom.cdx.json dist/*.whl --key release.pem
    """  # noqa: D301 - click looks for the character
    from serve_app.export import signing
    from serve_app.export.place import write_file
    from serve_app.security.signing import private_key

    private = private_key(key.read_bytes())
    signatures = {signing.beside(file): signing.signature(file, private) for file in files}
    for path, content in signatures.items():
        write_file(path, content, force=force)
    written = [str(path) for path in signatures]
    if as_json:
        output.print_json({"signatures": written})
    else:
        click.echo("\n".join(written))


@click.command()
@argument_files
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key (PEM) of who signed.",
)
@output.as_json
def verify(files: tuple[Path, ...], key: Path, as_json: bool) -> None:
    """Compare each file with the signature beside it; the first that differs is an error.

    \b
      serve-app export verify dist/sbom.cdx.json --key release.pub.pem
    """  # noqa: D301 - click looks for the character
    from serve_app.export import signing
    from serve_app.export.runtime.bundle import public_key

    public = public_key(key.read_bytes())
    for file in files:
        signing.check(file, public)
        if not as_json:
            click.echo(f"{file}: as it was signed")
    if as_json:
        output.print_json({"verified": [str(file) for file in files]})
