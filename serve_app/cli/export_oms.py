"""`serve-app export oms` and `oms-verify`: versions as folders that others can verify."""

from __future__ import annotations

from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version


@click.command()
@click.argument("reference", metavar="MODEL[@VERSION|@ALIAS]", shell_complete=complete_version)
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The private key (PEM), on the curve P-256, P-384 or P-521.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the version's files; it may not be there yet.",
)
@output.option_registry
@output.as_json
def oms(reference: str, key: Path, out: Path, registry: str, as_json: bool) -> None:
    """Write the files of a version into a folder, signed as OpenSSF Model Signing has it.

    Whoever has the public key sees by any tool of OMS whether a file was changed, added or taken
    away, without serve-app.

    \b
      openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out oms.pem
      serve-app export oms churn@3 --key oms.pem --out churn-3
    """  # noqa: D301 - click looks for the character
    import hashlib

    from serve_app.cli.registries import open_registry
    from serve_app.export.oms import SIGNATURE, bundle, private_key
    from serve_app.export.place import write_folder
    from serve_app.registry.named import named

    private = private_key(key.read_bytes())
    store = open_registry(registry)
    name, number = named(store, reference)
    files = store.as_stored(name, number)
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    signature = bundle(f"{name}@{number}", digests, private)
    write_folder(out, {**files, SIGNATURE: signature})
    if as_json:
        body = {"version": f"{name}@{number}", "folder": str(out), "files": len(files)}
        output.print_json({**body, "signature": str(out / SIGNATURE)})
        return
    click.echo(f"{out}: {len(files)} files of {name}@{number}, signed in {SIGNATURE}")


@click.command("oms-verify")
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER"
)
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key (PEM) of who signed.",
)
@click.option(
    "--signature",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The bundle.  [default: model.sig in the folder]",
)
@output.as_json
def oms_verify(folder: Path, key: Path, signature: Path | None, as_json: bool) -> None:
    """Compare a folder with its signature of OpenSSF Model Signing; any difference is an error.

    \b
      serve-app export oms-verify churn-3 --key oms.pub.pem
    """  # noqa: D301 - click looks for the character
    from serve_app.export.oms import SIGNATURE, check, public_key

    name = check(folder, signature or folder / SIGNATURE, public_key(key.read_bytes()))
    if as_json:
        output.print_json({"verified": str(folder), "name": name})
        return
    click.echo(f"{folder}: as it was signed, by the name {name}")
