"""`serve-app monitor`: drift, quality, alerts; Prometheus and Grafana beside a local cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.alerts import alerts
from serve_app.cli.baseline import baseline
from serve_app.cli.concept import concept
from serve_app.cli.drift import drift
from serve_app.cli.estimate import estimate
from serve_app.cli.findings import findings
from serve_app.cli.monitor_report import report
from serve_app.cli.quality import quality
from serve_app.cli.shadow import shadow
from serve_app.cli.watch import watch
from serve_app.errors import NotReady

if TYPE_CHECKING:
    from serve_app.cluster.monitor import Watching
    from serve_app.cluster.node import Running

_PROGRAM = click.Path(dir_okay=False, path_type=Path)


@click.group()
def monitor() -> None:
    """Show drift, quality and alerts; run Prometheus, and Grafana where it is installed."""


monitor.add_command(alerts)
monitor.add_command(baseline)
monitor.add_command(concept)
monitor.add_command(drift)
monitor.add_command(estimate)
monitor.add_command(findings)
monitor.add_command(quality)
monitor.add_command(report)
monitor.add_command(shadow)
monitor.add_command(watch)


@monitor.command()
@output.option_state
@click.option(
    "--prometheus", type=_PROGRAM, help="Prometheus' program.  [default: the one on the PATH]"
)
@click.option(
    "--grafana", type=_PROGRAM, help="Grafana's program.  [default: the one on the PATH, if any]"
)
@click.option(
    "--prometheus-port",
    type=click.IntRange(1, 65535),
    help="Where Prometheus answers.  [default: where the cluster's Ray dashboard looks for it]",
)
@click.option(
    "--grafana-port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    help="Where Grafana answers.",
)
@output.as_json
def up(state: str, as_json: bool, **given: Any) -> None:
    """Watch the cluster that runs, or say what does already.

    Metrics are kept in the state folder. `serve-app monitor down` ends it, and so does
    `serve-app cluster stop`.
    """
    from serve_app.cluster.monitor import Monitor, MonitorOptions
    from serve_app.cluster.node import Cluster

    running = Cluster(Path(state)).require()
    chosen = Monitor(Path(state))
    with output.progress().status("starting Prometheus …"):
        watching = chosen.up(running, MonitorOptions(**given))
    if as_json:
        output.print_json(_places(watching, chosen.folder))
        return
    click.echo(f"Prometheus     {watching.prometheus_url}")
    for name, what in _notes(running, watching, chosen.folder):
        click.echo(f"{name:15}{what}")


def _places(watching: Watching, folder: Path) -> dict[str, Any]:
    """Where it answers, and where the dashboards are."""
    from serve_app.cluster.monitor import shipped

    return {
        "prometheus": watching.prometheus_url,
        "grafana": watching.grafana_url,
        "dashboards": str(shipped() / "grafana" / "dashboards"),
        "folder": str(folder),
    }


def _notes(running: Running, watching: Watching, folder: Path) -> Iterator[tuple[str, str]]:
    """What else must be known."""
    from serve_app.cluster import grafana
    from serve_app.cluster.monitor import expects, shipped

    yield "alerts", f"{watching.prometheus_url}/alerts"
    if watching.grafana_url is None:
        where = shipped() / "grafana" / "dashboards"
        yield "Grafana", f"is not installed; install it, or import {where} into one that you have"
    else:
        password = folder / "grafana" / grafana.PASSWORD
        yield "Grafana", f"{watching.grafana_url}   (admin; its password is in {password})"
    if not expects(running, watching):
        expected = f"serve-app cluster start --prometheus-port {watching.prometheus_port}"
        yield "Ray dashboard", f"looks for Prometheus elsewhere; it is there after {expected}"
    yield "next", "serve-app monitor status, serve-app monitor down"


@monitor.command()
@output.option_state
@output.as_json
def down(state: str, as_json: bool) -> None:
    """Stop Prometheus and Grafana. What they kept stays in the state folder."""
    from serve_app.cluster.monitor import Monitor

    with output.progress().status("stopping …"):
        count = Monitor(Path(state)).down()
    if as_json:
        output.print_json({"stopped": count})
        return
    click.echo(f"stopped {count} processes" if count else "nothing was running")


@monitor.command("status")
@output.option_state
@output.as_json
def status_(state: str, as_json: bool) -> None:
    """Say what is watched, and which alerts fire. Exit code 1 when nothing watches."""
    from serve_app.cluster import web
    from serve_app.cluster.monitor import Monitor

    watching = Monitor(Path(state)).watching()
    if watching is None:
        if as_json:
            output.print_json({"running": False})
            raise click.exceptions.Exit(1)
        msg = "nothing watches this cluster; start it with: serve-app monitor up"
        raise NotReady(msg)
    url = f"{watching.prometheus_url}/api/v1"
    with web.understood(url):
        targets = [
            {"job": one["labels"]["job"], "url": one["scrapeUrl"], "health": one["health"]}
            for one in web.get(f"{url}/targets?state=active", to_gateway=False)["data"][
                "activeTargets"
            ]
        ]
        alerts = [
            {
                "alert": one["labels"]["alertname"],
                "state": one["state"],
                "severity": one["labels"]["severity"],
                "summary": one["annotations"]["summary"],
            }
            for one in web.get(f"{url}/alerts", to_gateway=False)["data"]["alerts"]
        ]
    if as_json:
        output.print_json(
            {
                "running": True,
                "prometheus": watching.prometheus_url,
                "grafana": watching.grafana_url,
                "targets": targets,
                "alerts": alerts,
            }
        )
        return
    output.print_table(
        f"Targets of {watching.prometheus_url}",
        ["job", "url", "health"],
        [list(one.values()) for one in targets],
    )
    output.print_table(
        "Alerts", ["alert", "state", "severity", "what"], [list(one.values()) for one in alerts]
    )
