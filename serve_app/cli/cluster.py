"""`serve-app cluster`: a local Ray cluster that starts and stops cleanly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import (
    cluster_foreground,
    cluster_supervised,
    edge_options,
    extent,
    output,
    ports,
)
from serve_app.cli.certificate import certificate
from serve_app.errors import NotReady

if TYPE_CHECKING:
    from serve_app.cluster.node import Running

Command = Callable[..., Any]
PROXIES = ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY")


@click.group()
def cluster() -> None:
    """Start and stop a Ray cluster, whose HTTP and dashboard are bound to 127.0.0.1."""


cluster.add_command(certificate)
cluster.add_command(cluster_supervised.supervise)


def _node_options(command: Command) -> Command:
    """The options of every node, head or not."""
    options = (
        output.option_state,
        click.option(
            "--node-ip",
            default="127.0.0.1",
            show_default=True,
            help="This machine's address in the cluster, or auto. Who reaches Ray's ports "
            "there can flood them: a private network.",
        ),
        ports.http,
        ports.internal,
        click.option("--cpus", type=int, help="CPUs that replicas may share.  [default: all]"),
        click.option(
            "--object-store-mb", default=200, show_default=True, help="Ray's object store."
        ),
        click.option(
            "--drain-s", default=30.0, show_default=True, help="How long a stopping gateway drains."
        ),
        click.option(
            "--token-file",
            "--auth-token",
            "auth_token",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file with what Ray's processes must show each other, equal on all machines.  "
            "[default: ray-token in the state folder, which start makes]",
        ),
        click.option(
            "--no-token",
            is_flag=True,
            help="Let whoever reaches Ray's ports run code here, from a page in a browser too.",
        ),
        click.option(
            "--end-with-ray",
            is_flag=True,
            help="End what is left of this node, HAProxy say, once others (ray down) ended its "
            "Ray, or the head that it joined: for heads that nobody brings back.",
        ),
        edge_options.of_the_edge,
    )
    for option in reversed(options):
        command = option(command)
    return command


@cluster.command()
@_node_options
@ports.dashboard
@ports.prometheus
@extent.full
@click.option(
    "--autoscaling-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A cluster description of Ray's, from which Ray starts and ends the other nodes.",
)
@cluster_foreground.options
@cluster_supervised.options
@output.as_json
def start(
    state: str,
    http_port: int,
    dashboard_port: int,
    internal_ports: int | None,
    prometheus_port: int,
    config: Path | None,
    foreground: bool,
    leave_s: float,
    supervised: bool,
    resume: bool,
    as_json: bool,
    **node: Any,
) -> None:
    """Start the cluster, in the mode that is fast, or say where it runs already.

    Gateways also listen where the platforms want their containers to: on
    SAGEMAKER_BIND_TO_PORT as SageMaker's, on AIP_HTTP_PORT as Vertex AI's (which
    also names AIP_HEALTH_ROUTE and AIP_PREDICT_ROUTE), on all addresses.
    """
    from serve_app.cluster.environment import Ports
    from serve_app.cluster.node import Cluster, NodeOptions

    chosen = Ports(
        http=http_port,
        dashboard=dashboard_port,
        first=internal_ports,
        prometheus=prometheus_port,
    )
    node["node_ip"] = _address(node["node_ip"])
    node["keeps_head"] = supervised
    options = NodeOptions(ports=chosen, home=Path.cwd(), **edge_options.taken_from(node))
    here = Cluster(Path(state))
    if resume:
        config = cluster_supervised.kept(Path(state)) or config
    if foreground:
        after = cluster_supervised.looking_after(here, Path(state)) if supervised else None
        cluster_foreground.stay(here, options, config, leave_s, after)
        return
    with output.progress().status("starting Ray …"):
        running = here.start(options)
    if supervised:
        cluster_supervised.start(here, Path(state))
    if config is not None:
        cluster_foreground.deploy(config, running)
    if as_json:
        output.print_json(_places(running))
    else:
        _show(running)


def _show(running: Running) -> None:
    click.echo(f"Ray dashboard  {running.dashboard_url}")
    click.echo(f"HTTP           {running.http_url}   (answers once a config is deployed)")
    for name, what in _notes(running, os.environ):
        click.echo(f"{name:15}{what}")
    click.echo("next           serve-app serve NAME PATH …, or serve-app deploy configs/local.yaml")


def _address(given: str, head: str | None = None) -> str:
    """The address that is given, or the one on the way to the cluster's head, host:port."""
    from serve_app.cluster.own_address import AUTO, own_address

    if given != AUTO:
        return given
    return own_address(None if head is None else head.rpartition(":")[0])


def _places(running: Running) -> dict[str, str]:
    """Where a cluster is reached."""
    return {
        "http": running.http_url,
        "dashboard": running.dashboard_url,
        "admin": running.admin_url,
        "address": running.address,
    }


def _notes(running: Running, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What else must be known where this cluster, or the way to it, is not the usual one."""
    if running.http_port != ports.USUAL_HTTP:
        yield "configs", f"must say http_options: {{port: {running.http_port}}}"
    if running.dashboard.token is None:
        yield "WARNING", "no token: whoever reaches Ray's ports can run code as this user"
    else:
        yield "token", str(running.dashboard.token)
    if running.dashboard.token or running.dashboard_port != ports.USUAL_DASHBOARD:
        yield "serve deploy", 'needs eval "$(serve-app cluster env)"; serve-app deploy does not'
    excepted = [environment.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    proxied = any(environment.get(name) for name in PROXIES)
    if proxied and not any("127.0.0.1" in host or host == "*" for host in excepted):
        yield "curl", "needs export no_proxy=127.0.0.1,localhost, since http_proxy is set"


@cluster.command()
@click.argument("address")
@_node_options
@cluster_foreground.of_a_node
@cluster_supervised.of_a_node
@output.as_json
def join(
    address: str,
    state: str,
    http_port: int,
    internal_ports: int | None,
    foreground: bool,
    leave_s: float,
    supervised: bool,
    as_json: bool,
    **node: Any,
) -> None:
    """Add this machine to the cluster at ADDRESS, host:port of the head's Ray.

    \b
    On the first machine:   serve-app cluster start --node-ip 10.0.0.1
    On each other one:      serve-app cluster join 10.0.0.1:6379 --node-ip 10.0.0.2 \\
                              --token-file ray-token
    All of them need the same Python environment and see the same registry; the file is
    state/ray-token of the first one.
    """  # noqa: D301 - click looks for the character
    from serve_app.cluster.environment import Ports
    from serve_app.cluster.node import Cluster, NodeOptions

    chosen = Ports(http=http_port, first=internal_ports)
    node["node_ip"] = _address(node["node_ip"], address)
    options = NodeOptions(ports=chosen, home=Path.cwd(), **edge_options.taken_from(node))
    if supervised and options.end_with_ray:
        raise click.UsageError("--supervise and --end-with-ray exclude each other")
    here = Cluster(Path(state))
    if foreground:
        after = cluster_supervised.looking_after(here, Path(state)) if supervised else None
        cluster_foreground.stay_joined(here, address, options, leave_s, after)
        return
    with output.progress().status("starting Ray …"):
        here.join(address, options)
    if supervised:
        cluster_supervised.start(here, Path(state))
    if as_json:
        output.print_json({"joined": address})
        return
    click.echo(
        f"this machine belongs to the cluster at {address}; serve-app cluster stop ends that"
    )


@cluster.command()
@output.option_state
@click.option(
    "--hand-over-s",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="How long other nodes may take to take over what runs on a node that joined; 0 for not "
    "at all.",
)
@click.option(
    "--once-ray-ended",
    is_flag=True,
    help="Wait until others (ray down, say) have ended its Ray, or the head that it joined.",
)
@output.as_json
def stop(state: str, hand_over_s: float, once_ray_ended: bool, as_json: bool) -> None:
    """Stop every process of the cluster, HAProxy included, and nothing that it did not start.

    A node that joined a cluster hands its replicas over to other nodes first, so that no request
    is lost.
    """
    from serve_app.cluster.draining import Patience
    from serve_app.cluster.head_watch import HeadWatch
    from serve_app.cluster.node import Cluster

    chosen = Cluster(Path(state))
    if once_ray_ended:
        chosen.wait_for_end_of_ray(HeadWatch())
    with output.progress().status("stopping …") as status:
        if hand_over_s:
            left = chosen.hand_over(Patience(hand_over_s, output.tell(status)))
            if left is not None:
                output.warn(f"this node ends without handing everything over: {left}")
        count = chosen.stop()
    if as_json:
        output.print_json({"stopped": count})
        return
    click.echo(f"stopped {count} processes" if count else "nothing was running")


@cluster.command("env")
@output.option_state
@output.as_json
def env_(state: str, as_json: bool) -> None:
    """Print what lets Ray's own commands reach the cluster: eval "$(serve-app cluster env)".

    The token itself is not printed, but the file in which it stands.
    """
    from serve_app.cluster.node import Cluster

    variables = Cluster(Path(state)).require().of_rays_commands
    if as_json:
        output.print_json(variables)
    else:
        click.echo(output.exports(variables))


@cluster.command("status")
@output.option_state
@output.as_json
def status_(state: str, as_json: bool) -> None:
    """Say whether the cluster runs, and where. Exit code 1 when it does not."""
    from serve_app.cluster.node import Cluster

    here = Cluster(Path(state))
    running = here.running()
    supervision = cluster_supervised.known(here)
    joined = here.joined_address() if here.has_joined() else None
    if running is None and joined is None:
        if as_json:
            output.print_json({"running": False, **supervision})
            raise click.exceptions.Exit(1)
        msg = "no cluster runs; start it with: serve-app cluster start"
        if supervision:
            msg = f"nothing runs here, and is brought back: {supervision['supervisor']}"
        raise NotReady(msg)
    body: dict[str, Any] = {"running": True}
    if running is None:
        body["joined"] = joined
    else:
        body["http"] = running.http_url
        body["dashboard"] = running.dashboard_url
        body["address"] = running.address
        body["dashboard_answers"] = running.dashboard.answers()
    body |= {"processes": len(here.processes()), **supervision}
    if as_json:
        output.print_json(body)
    else:
        output.print_table("Cluster", ["what", "value"], list(body.items()))
