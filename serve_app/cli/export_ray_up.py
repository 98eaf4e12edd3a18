"""`serve-app export ray-up`: the file that `ray up` starts a cluster from, by provider."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import edge_options, output

if TYPE_CHECKING:
    from serve_app.platforms.ray_up.description import Place

Command = Callable[..., Any]


@click.group("ray-up")
def ray_up() -> None:
    """Write a file for `ray up`: a cluster on machines of a cloud, or on your own.

    Nodes start as serve-app cluster start and join start them, with one environment. The file is
    checked before it is written; what each key means stands in docs/ray-up.md.
    """


def _of_all(command: Command) -> Command:
    """The options that all providers have."""
    options = (
        click.option("--name", default="serve-app", show_default=True, help="The cluster's name."),
        click.option("--image", metavar="NAME@sha256:DIGEST", help="What all machines run."),
        click.option(
            "--environment",
            metavar="FOLDER",
            help="Instead of an image: a virtual environment that is on each machine.",
        ),
        click.option("--ssh-user", default="ubuntu", show_default=True, help="Who logs in."),
        click.option("--ssh-key", metavar="FILE", help="With which private key."),
        click.option(
            "--token",
            default="./ray-token",
            show_default=True,
            help="The local file with Ray's token, which is copied to the machines.",
        ),
        click.option(
            "--configs",
            default="./configs",
            show_default=True,
            help="The local folder with what is deployed, which is copied to the machines.",
        ),
        click.option("--http-port", default=8000, show_default=True, help="For clients."),
        click.option(
            "--drain-s", default=30, show_default=True, help="How long a stopping gateway drains."
        ),
        click.option(
            "--out",
            type=click.Path(dir_okay=False, path_type=Path),
            default="./cluster.yaml",
            show_default=True,
            help="The file.",
        ),
        click.option("--force", is_flag=True, help="Overwrite a file that is there already."),
        edge_options.of_the_edge,
        output.as_json,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _workers(command: Command) -> Command:
    """How many machines of a cloud there may be."""
    least = click.option("--min-workers", default=2, show_default=True, help="Beside the head.")
    most = click.option("--max-workers", default=8, show_default=True, help="Beside the head.")
    idle = click.option(
        "--idle-minutes", default=5, show_default=True, help="After which a worker ends."
    )
    return least(most(idle(command)))


@ray_up.command()
@click.option("--region", required=True, metavar="REGION", help="Such as eu-central-1.")
@click.option("--zone", "zones", multiple=True, required=True, help="Such as eu-central-1a.")
@click.option("--image-id", required=True, metavar="AMI", help="An image that has Docker.")
@click.option("--security-group", required=True, metavar="ID", help="Of the machines.")
@click.option("--subnet", "subnets", multiple=True, required=True, metavar="ID", help="One a zone.")
@click.option("--key-name", required=True, help="Of the key pair of --ssh-key.")
@click.option("--head-profile", default="serve-app-head", show_default=True, help="IAM's.")
@click.option("--worker-profile", default="serve-app-worker", show_default=True, help="IAM's.")
@click.option("--machine", default="m6i.xlarge", show_default=True, help="The instance type.")
@click.option("--disk-gb", default=60, show_default=True, help="Encrypted, deleted at the end.")
@_workers
@_of_all
def aws(**options: Any) -> None:
    """A cluster on Amazon EC2."""
    from serve_app.platforms.ray_up.places import Aws

    _write("aws", Aws, options)


@ray_up.command()
@click.option("--project", required=True, help="The project's id.")
@click.option("--region", required=True, help="Such as europe-west3.")
@click.option("--zone", required=True, help="Such as europe-west3-a.")
@click.option("--subnetwork", required=True, metavar="PATH", help="regions/…/subnetworks/…")
@click.option("--source-image", required=True, metavar="PATH", help="An image that has Docker.")
@click.option("--network-tag", default="serve-app", show_default=True, help="For its firewall.")
@click.option("--worker-account", metavar="EMAIL", help="The workers' service account.")
@click.option("--machine", default="n2-standard-4", show_default=True, help="The machine type.")
@click.option("--cpus", default=4, show_default=True, help="That this machine has.")
@click.option("--disk-gb", default=60, show_default=True, help="Deleted at the end.")
@_workers
@_of_all
def gcp(**options: Any) -> None:
    """A cluster on Google Compute Engine."""
    from serve_app.platforms.ray_up.places import Gcp

    _write("gcp", Gcp, options)


@ray_up.command()
@click.option("--location", required=True, help="Such as germanywestcentral.")
@click.option("--resource-group", required=True, help="One that is there.")
@click.option("--subscription", required=True, metavar="ID", help="Who pays.")
@click.option("--machine", default="Standard_D4s_v5", show_default=True, help="The size.")
@click.option("--cpus", default=4, show_default=True, help="That this machine has.")
@click.option("--disk-gb", default=60, show_default=True, help="Deleted at the end.")
@_workers
@_of_all
def azure(**options: Any) -> None:
    """A cluster on Azure."""
    from serve_app.platforms.ray_up.places import Azure

    _write("azure", Azure, options)


@ray_up.command()
@click.option("--head-ip", required=True, metavar="ADDRESS", help="The first machine.")
@click.option(
    "--worker-ip", "worker_ips", multiple=True, required=True, metavar="ADDRESS", help="Another."
)
@_of_all
def local(**options: Any) -> None:
    """A cluster on machines that are there, by their addresses."""
    from serve_app.platforms.ray_up.places import OnPremises

    _write("local", OnPremises, options)


def _write(kind: str, place_type: type[Place], options: dict[str, Any]) -> None:
    """Write the file of a provider's options, once nothing is wrong with it."""
    from serve_app.errors import ConfigError
    from serve_app.export.place import write_file
    from serve_app.platforms.ray_up.checks import findings
    from serve_app.platforms.ray_up.description import Description
    from serve_app.platforms.ray_up.written import text

    out, force, as_json = (options.pop(name) for name in ("out", "force", "as_json"))
    own = {name: options.pop(name) for name in signature(place_type).parameters if name in options}
    cluster = Description(**edge_options.taken_from(options))
    written = text(cluster, place_type(**own), kind)
    if mistakes := findings(written, without_libraries=True):
        raise ConfigError("\n".join(["the file would not work:", *map(str, mistakes)]))
    write_file(out, written.encode(), force=force)
    if as_json:
        output.print_json({"file": str(out), "provider": kind})
        return
    click.echo(f"{out}: check it with serve-app validate --production {out}, then ray up {out}")
