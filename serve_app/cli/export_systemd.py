"""`serve-app export systemd`: the unit by which a machine runs a node that comes back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.cluster import join, start


@click.command()
@click.option(
    "--deploy",
    "config",
    metavar="FILE",
    help="What is deployed where nothing was yet; later, what was deployed last is.",
)
@click.option(
    "--join",
    "address",
    metavar="ADDRESS",
    help="Join the cluster at ADDRESS, host:port of the head's Ray, in place of starting one.",
)
@click.option("--user", default="serve-app", show_default=True, help="Whose processes they are.")
@click.option(
    "--folder",
    default=lambda: str(Path.cwd()),
    show_default="this one",
    help="Where relative paths start: of the config, the registry, the state.",
)
@click.option(
    "--environment",
    default=lambda: sys.prefix,
    show_default="this one",
    help="The virtual environment with serve-app.",
)
@click.option("--state", default="./state", show_default=True, help="The cluster's state folder.")
@click.option("--http-port", default=8000, show_default=True, help="For clients.")
@click.option(
    "--drain-s", default=30.0, show_default=True, help="How long requests may finish at a stop."
)
@click.option(
    "--leave-s",
    default=0.0,
    show_default=True,
    help="How long a stop answers on, until load balancers have noticed.",
)
@click.option(
    "--writable",
    multiple=True,
    metavar="FOLDER",
    help="Another folder that it may write to, such as a registry's; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="./serve-app.service",
    show_default=True,
    help="The file.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there already.")
@click.argument("start_options", nargs=-1, type=click.UNPROCESSED)
@output.as_json
def systemd(
    config: str | None,
    address: str | None,
    user: str,
    folder: str,
    environment: str,
    state: str,
    http_port: int,
    drain_s: float,
    leave_s: float,
    writable: tuple[str, ...],
    out: Path,
    force: bool,
    start_options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write a unit that starts a cluster with the machine and brings it back whenever it ends.

    With --join it is a node that joins a cluster, again and again. After -- may stand more options
    of serve-app cluster start, or join.

    \b
      serve-app export systemd --deploy configs/production.yaml -- --node-ip 10.0.0.1
      serve-app export systemd --join 10.0.0.1:6379 -- --node-ip 10.0.0.2 --token-file ray-token
      sudo cp serve-app.service /etc/systemd/system/
      sudo systemctl enable --now serve-app
    """  # noqa: D301 - click looks for the character
    from serve_app.export.place import write_file
    from serve_app.platforms.systemd import Unit, unit_text

    _check(start if address is None else join, start_options)
    unit = Unit(
        folder=folder,
        environment=environment,
        user=user,
        state=state,
        config=config,
        join=address,
        http_port=http_port,
        drain_s=drain_s,
        leave_s=leave_s,
        options=start_options,
        writable=writable,
    )
    write_file(out, unit_text(unit).encode(), force=force)
    if as_json:
        output.print_json({"file": str(out), "user": user})
        return
    click.echo(f"{out}: sudo cp it to /etc/systemd/system/, then sudo systemctl enable --now it")


def _check(command: click.Command, options: Sequence[str]) -> None:
    """Refuse options that a command does not know: here, and not when the machine starts."""
    command.make_parser(click.Context(command)).parse_args(list(options))
