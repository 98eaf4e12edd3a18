"""`serve-app demo`: from nothing to predictions over HTTP, in one command."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from serve_app.cli import extent, output, ports
from serve_app.cli.demo_configs import LOCAL, config_for, examples_of
from serve_app.cli.deploy import deploy_turn, serve_deploy, wait_visibly
from serve_app.cli.examples import train
from serve_app.cli.predict import prediction_rows
from serve_app.cli.traffic_options import Simulation, simulation, traffic_options
from serve_app.cli.validate import require_valid
from serve_app.cluster import web
from serve_app.cluster.environment import Ports
from serve_app.cluster.node import Cluster, NodeOptions, Running
from serve_app.core.extras import require
from serve_app.registry.store import Registry

if TYPE_CHECKING:
    import pandas as pd

READY_TIMEOUT_S = 150.0
ROWS = 8
_CHOSEN = list(range(0, 160, 160 // ROWS))


@click.command()
@click.option(
    "--config",
    metavar="NAME",
    help="Deploy this config, ab or configs/mine.yaml for instance, let simulated clients send "
    "rows and feedback, and show what was learned.",
)
@traffic_options("90s")
@output.option_state
@ports.of_the_head
@extent.full
@output.as_json
def demo(
    config: str | None,
    state: str,
    http_port: int,
    dashboard_port: int,
    internal_ports: int | None,
    prometheus_port: int,
    full: bool,
    as_json: bool,
    **traffic: Any,
) -> None:
    """Train, register, start, deploy and predict; leave it running.

    Run twice, it goes on from where it is. `serve-app cluster stop` ends it.
    """
    require("ray")
    _refuse_idle_traffic(config)
    chosen = Ports(
        http=http_port,
        dashboard=dashboard_port,
        first=internal_ports,
        prometheus=prometheus_port,
    )
    if config is None:
        running = _started(LOCAL, state, chosen, full=full)
        _print_json(running) if as_json else _show(running)
    else:
        running = _started(config, state, chosen, full=full)
        _simulate(running, state, simulation(**traffic), as_json=as_json)


def _refuse_idle_traffic(config: str | None) -> None:
    """Options of clients belong to a config, without which there are none.

    Raises:
        UsageError: there are such options and no config.
    """
    context = click.get_current_context()
    for name in ("rate_per_s", "duration_s", "clients", "subjects", "seed"):
        if config is None and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError("clients are simulated with --config NAME, ab for instance")


def _started(config: str, state: str, chosen: Ports, *, full: bool) -> Running:
    """Train what a config names, and start and deploy as `start_and_deploy` does."""
    path = config_for(chosen.http, Path(state), config)
    step("train and register on real data")
    train(Registry("./registry"), examples_of(path.read_text()), Path("./runs"))
    config_at = partial(config_for, state=Path(state), config=config)
    return start_and_deploy(state, chosen, config_at, full=full)


def start_and_deploy(
    state: str, chosen: Ports, config_at: Callable[[int], Path], *, full: bool = False
) -> Running:
    """Start a cluster where none runs, and deploy the config for the port that it answers at.

    What fails stops a cluster that was started for it.
    """
    cluster = Cluster(Path(state))
    already = cluster.running()
    step("start a Ray cluster on 127.0.0.1" if already is None else "the cluster runs already")
    with output.progress().status("starting Ray …"):
        running = cluster.start(NodeOptions(ports=chosen, home=Path.cwd(), full=full))
    try:
        deploy_and_wait(config_at(running.http_port), running)
    except BaseException:
        if already is None:
            step("something failed: stopping the cluster again")
            cluster.stop()
        raise
    return running


def _simulate(running: Running, state: str, chosen: Simulation, *, as_json: bool) -> None:
    """Let clients send to what is deployed, and show what was learned."""
    # It imports the whole command line.
    from serve_app.cli.demo_clients import DemoClients

    step(f"clients send rows and feedback for {chosen.traffic.duration_s:g} s")
    report = DemoClients(running, state, chosen).run(as_json=as_json)
    if as_json:
        output.print_json({**_places(running), **report})
        return
    us = _command()
    click.echo(f"\nConsole  {_places(running)['console']}")
    click.echo("\nTry next:\n")
    for name in report["clients"]:
        click.echo(f"{us} simulate {name} --for 2m")
    click.echo(f"{us} status")
    click.echo(f"{us} events")
    click.echo(f"{us} cluster stop   (or: make down)")


def _print_json(running: Running) -> None:
    """Where it runs, and what it answers to a few rows."""
    answers = {name: _ask(running, name, rows) for name, rows in _examples().items()}
    output.print_json({**_places(running), "answers": answers})


def _places(running: Running) -> dict[str, str]:
    """Where people look, and where clients ask."""
    return {
        "console": f"{running.admin_url}/console",
        "http": running.http_url,
        "dashboard": running.dashboard_url,
    }


def _examples() -> dict[str, list[dict[str, Any]]]:
    """A few rows for each endpoint."""
    from serve_app.examples.datasets import breast_cancer, diabetes

    return {
        "diagnosis": _rows(breast_cancer().frame, _CHOSEN),
        "progression": _rows(diabetes().frame, _CHOSEN[:3]),
    }


def deploy_and_wait(config: Path, running: Running) -> None:
    """Validate a config, deploy it, and return once it is in effect."""
    step(f"validate {config}")
    require_valid(config, running)
    with deploy_turn(running, config, timeout_s=READY_TIMEOUT_S):
        step(f"serve deploy {config}")
        with output.progress().status("serve deploy …"):
            serve_deploy(config, running)
        step("wait until every application runs and HAProxy sees the gateway")
        wait_visibly(running, config, timeout_s=READY_TIMEOUT_S)


def _show(running: Running) -> None:
    from serve_app.examples.datasets import breast_cancer, diabetes

    patients, progress = breast_cancer(), diabetes()
    rows = _examples()
    answer = _ask(running, "diagnosis", rows["diagnosis"])
    truth = [str(label) for label in patients.named_target[_CHOSEN]]
    output.print_table(
        f"diagnosis, answered by {', '.join(answer['variants'])}",
        ["row", "prediction", *[f"p({label})" for label in answer["classes"]], "truth"],
        [[*row, label] for row, label in zip(prediction_rows(answer), truth, strict=True)],
    )
    answer = _ask(running, "progression", rows["progression"])
    values = progress.target[_CHOSEN[:3]]
    output.print_table(
        f"progression, answered by {', '.join(answer['variants'])}",
        ["row", "prediction", "truth"],
        [[*row, f"{value:g}"] for row, value in zip(prediction_rows(answer), values, strict=True)],
    )
    _what_next(running, rows["diagnosis"][0])


def _rows(frame: pd.DataFrame, chosen: list[int]) -> list[dict[str, Any]]:
    rows = frame.iloc[chosen].to_dict(orient="records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _ask(running: Running, endpoint: str, rows: list[dict[str, Any]]) -> Any:
    return web.post(f"{running.http_url}/v1/models/{endpoint}:predict", {"instances": rows})


def _what_next(running: Running, row: dict[str, Any]) -> None:
    url = running.http_url
    json_type = "-H 'content-type: application/json'"
    single = shlex.quote(json.dumps({"instances": [row], "parameters": {"patient_id": "p-17"}}))
    matrix = {"name": "rows", "shape": [1, len(row)], "datatype": "FP64", "data": [*row.values()]}
    tensor = shlex.quote(json.dumps({"inputs": [matrix]}))
    click.echo(f"Console            {_places(running)['console']}")
    click.echo(f"API documentation  {url}/docs")
    click.echo(f"Ray dashboard      {running.dashboard_url}")
    click.echo("\nTry next:\n")
    click.echo(f"curl -s {url}/v1/endpoints\n")
    click.echo(f"curl -s {url}/v1/models/diagnosis:predict {json_type} -d {single}\n")
    click.echo(f"curl -s {url}/v2/models/diagnosis-ensemble/infer {json_type} -d {tensor}\n")
    us = _command()
    click.echo(f"{us} status")
    click.echo(f"{us} endpoints set-weights diagnosis diagnosis-xgb@1=50 diagnosis-forest@1=50")
    click.echo(f"{us} cluster stop   (or: make down)")
    click.echo("\nBefore you use Ray's own command `serve`, tell it where this cluster is, and")
    click.echo(f'that it may (or: eval "$({us} cluster env)"):\n')
    click.echo(output.exports(running.of_rays_commands))


def _command() -> str:
    """How this command is called from here."""
    return "serve-app" if shutil.which("serve-app") else sys.argv[0]


def step(text: str) -> None:
    """Say what is done next."""
    click.secho(f"▸ {text}", fg="cyan", err=True)
