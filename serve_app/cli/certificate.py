"""`serve-app cluster certificate`: another certificate on the main port, without a restart."""

from __future__ import annotations

from pathlib import Path

import click

from serve_app.cli import output

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("certificate", type=_FILE)
@click.argument("key", type=_FILE)
@output.option_state
@output.as_json
def certificate(certificate: Path, key: Path, state: str, as_json: bool) -> None:
    """Show CERTIFICATE, whose private key is KEY, to who connects from now on.

    Both are PEM files. No connection ends, and HAProxies that start later show it too. On
    several machines say it on each.
    """
    from serve_app.cluster.edge.certificate import replace_certificate
    from serve_app.cluster.node import Cluster

    replace_certificate(Cluster(Path(state)).folder_of_node(), certificate, key)
    if as_json:
        output.print_json({"certificate": str(certificate)})
    else:
        click.echo(f"who connects is shown {certificate} from now on")
