"""`serve-app export sbom`: what this environment, or an image, is made of."""

from __future__ import annotations

from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version


@click.command()
@click.argument(
    "references", metavar="[MODEL[@VERSION|@ALIAS]]...", nargs=-1, shell_complete=complete_version
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there already.")
@output.option_registry
@output.as_json
def sbom(
    references: tuple[str, ...], registry: str, out: Path | None, force: bool, as_json: bool
) -> None:
    """Write an inventory (SBOM) of this environment: CycloneDX 1.6, as JSON.

    Every Python distribution and every package of Debian is in it, with version and licence, and
    the versions of models that are named, with their digests. Without --out it is printed.

    \b
      serve-app export sbom --out dist/sbom.cdx.json
      docker run --rm serve-app:serve export sbom > serve.cdx.json
      serve-app export sbom churn@3 --out dist/churn-3.cdx.json
    """  # noqa: D301 - click looks for the character
    import serve_app
    from serve_app.cli.registries import open_registry
    from serve_app.export import sbom as inventory
    from serve_app.export.place import write_file
    from serve_app.registry.named import named

    manifests = []
    if references:
        store = open_registry(registry)
        manifests = [store.manifest(*named(store, one)) for one in references]
    components = [
        *inventory.of_python(),
        *inventory.of_debian(),
        *inventory.of_versions(manifests),
    ]
    subject = ", ".join(one.reference for one in manifests) or "serve-app"
    content = inventory.encode(inventory.sbom(subject, serve_app.__version__, components))
    if out is None:
        click.echo(content, nl=False)
        return
    write_file(out, content, force=force)
    if as_json:
        output.print_json({"file": str(out), "components": len(components)})
        return
    click.echo(f"{out}: {len(components)} components")
