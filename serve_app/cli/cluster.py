"""`serve-app cluster`: a local Ray cluster that starts and stops cleanly."""

from __future__ import annotations

from pathlib import Path

import click

from serve_app.cli import output
from serve_app.errors import NotReady


@click.group()
def cluster() -> None:
    """Start and stop a local Ray cluster, bound to 127.0.0.1."""


@cluster.command()
@output.option_state
@click.option("--http-port", default=8000, show_default=True, help="Where clients send requests.")
@click.option("--dashboard-port", default=8265, show_default=True, help="The Ray dashboard.")
@click.option(
    "--internal-ports",
    type=int,
    help="First of a row of 8 free ports for Ray's and HAProxy's own use.  [default: the usual]",
)
@click.option("--cpus", type=int, help="CPUs that replicas may share.  [default: all]")
@click.option("--object-store-mb", default=200, show_default=True, help="Ray's object store.")
@click.option(
    "--drain-s", default=30.0, show_default=True, help="How long a stopping gateway drains."
)
def start(
    state: str,
    http_port: int,
    dashboard_port: int,
    internal_ports: int | None,
    cpus: int | None,
    object_store_mb: int,
    drain_s: float,
) -> None:
    """Start the cluster, in the mode that is fast, or say where it runs already."""
    from serve_app.serving.cluster import Cluster, Options
    from serve_app.serving.environment import Ports

    options = Options(
        ports=Ports(http=http_port, dashboard=dashboard_port, first=internal_ports),
        home=Path.cwd(),
        cpus=cpus,
        object_store_mb=object_store_mb,
        drain_s=drain_s,
    )
    with output.progress().status("starting Ray …"):
        running = Cluster(Path(state)).start(options)
    click.echo(f"Ray dashboard  {running.dashboard_url}")
    click.echo(f"HTTP           {running.http_url}   (answers once a config is deployed)")
    click.echo("next           serve-app deploy configs/local.yaml")


@cluster.command()
@output.option_state
def stop(state: str) -> None:
    """Stop every process of the cluster, HAProxy included."""
    from serve_app.serving.cluster import Cluster

    with output.progress().status("stopping …"):
        count = Cluster(Path(state)).stop()
    click.echo(f"stopped {count} processes" if count else "nothing was running")


@cluster.command("status")
@output.option_state
@output.as_json
def status_(state: str, as_json: bool) -> None:
    """Say whether the cluster runs, and where. Exit code 1 when it does not."""
    from serve_app.serving.cluster import Cluster

    running = Cluster(Path(state)).running()
    if running is None:
        if as_json:
            output.print_json({"running": False})
            raise click.exceptions.Exit(1)
        msg = "no cluster runs; start it with: serve-app cluster start"
        raise NotReady(msg)
    body = {
        "running": True,
        "http": running.http_url,
        "dashboard": running.dashboard_url,
        "address": running.address,
        "processes": sum(1 for _ in Cluster(Path(state)).processes()),
    }
    if as_json:
        output.print_json(body)
    else:
        output.print_table("Cluster", ["what", "value"], list(body.items()))


@cluster.command()
@output.option_state
def env(state: str) -> None:
    """Print what another node's `ray start` needs in its environment, as shell exports."""
    import shlex

    from serve_app.serving.cluster import Cluster

    for name, value in Cluster(Path(state)).require().environment.items():
        click.echo(f"export {name}={shlex.quote(value)}")
