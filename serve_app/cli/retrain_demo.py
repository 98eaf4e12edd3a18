"""`serve-app retrain demo`: data drifts, and a better version takes over by itself."""

from __future__ import annotations

import click

from serve_app.cli import output, ports
from serve_app.cli.traffic_options import Rate
from serve_app.cli.train_places import option_runs
from serve_app.cluster.environment import Ports


@click.command()
@click.option(
    "--rate", "rate_per_s", type=Rate(), default=20.0, show_default=True,
    help="Requests per second, in the mean.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True,
    help="What deliveries are like follows from it.",
)  # fmt: skip
@ports.of_the_head
@option_runs
@output.option_state
@output.option_registry
@output.as_json
def demo(
    rate_per_s: float,
    seed: int,
    http_port: int,
    dashboard_port: int,
    internal_ports: int | None,
    prometheus_port: int,
    runs: str,
    state: str,
    registry: str,
    as_json: bool,
) -> None:
    """Let data drift until a version that was trained anew answers, and leave it running.

    It starts a cluster where none runs. Simulated clients ask which deliveries of a courier will
    be late. Then the warehouse moves: the monitor sees that rows have drifted, and a version that
    is trained on rows since then takes over step by step. Another one, of a table that was joined
    wrongly, is rejected. Exit code 1 where it came otherwise.
    """
    # It imports the whole command line.
    from serve_app.cli.retrain_place import RetrainingPlace
    from serve_app.cli.retrain_story import Story

    chosen = Ports(
        http=http_port, dashboard=dashboard_port, first=internal_ports, prometheus=prometheus_port
    )
    place = RetrainingPlace(runs, registry, None, state, quiet=True)
    report = Story(place, chosen, rate_per_s=rate_per_s, seed=seed).run(as_json=as_json)
    if as_json:
        output.print_json(report)
    if not report["as_expected"]:
        raise click.exceptions.Exit(1)
