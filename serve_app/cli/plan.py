"""`serve-app plan` and `serve-app apply`: what a deploy would change, and just that deploy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cluster.node import Cluster, Running
from serve_app.config import HOME_VARIABLE
from serve_app.errors import ServeError

if TYPE_CHECKING:
    from serve_app.serving.planning.plan import Plan, Standing

_CHANGES = 2
_UNDER_WAY = frozenset({"running", "paused", "held"})


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--out", type=click.Path(dir_okay=False), help="Write the plan for `serve-app apply`."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Markdown is for a pull request.",
)
@click.option("--exit-zero", is_flag=True, help="Exit code 0 where something would change, too.")
@output.option_state
@output.as_json
def plan(file: str, out: str | None, form: str, exit_zero: bool, state: str, as_json: bool) -> None:
    """Show what a deploy of a config FILE would change in the cluster that runs; deploy nothing.

    Applications, endpoints with their versions and weights, columns that clients have to send,
    CPUs, and what was set at run time and would end. Exit code 0 where nothing would change, 2
    where something would, 1 where the file cannot be deployed.
    """
    from serve_app.cli.deploy import refuse_fixed
    from serve_app.cli.validate import require_valid
    from serve_app.serving.planning.words import markdown, text

    running = Cluster(Path(state)).require()
    require_valid(Path(file), running)
    refuse_fixed(Path(file), running)
    made = _plan(Path(file), running)
    body = made.to_json()
    if out is not None:
        output.write_whole(Path(out), json.dumps(body, indent=2) + "\n")
    if as_json or form == "json":
        output.print_json(body)
    else:
        click.echo(markdown(made) if form == "markdown" else text(made), nl=False)
    if made.changes and not exit_zero:
        raise click.exceptions.Exit(_CHANGES)


@click.command()
@click.argument("file", metavar="PLAN", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--timeout-s", "--timeout", default=180.0, show_default=True, help="How long to wait."
)
@click.option(
    "--rollback-on-failure",
    is_flag=True,
    help="Deploy what ran before again where the new config is not in effect in time.",
)
@output.option_state
@output.as_json
def apply(
    file: str, timeout_s: float, rollback_on_failure: bool, state: str, as_json: bool
) -> None:
    """Deploy what a PLAN says, and wait until it is in effect; a stale plan is refused.

    A plan is stale where its file, what is deployed, what was set at run time, or a version that
    the file asks is another than when it was made.
    """
    from serve_app.cli.deploy import deploy_turn, serve_deploy, wait_visibly
    from serve_app.cli.validate import require_valid
    from serve_app.serving.planning.plan import Plan, check_fresh

    planned = Plan.decode(Path(file).read_bytes())
    config = Path(planned.file)
    running = Cluster(Path(state)).require()
    with deploy_turn(running, config, timeout_s=timeout_s):
        # Within the turn, so that no other deploy comes between the look and the deploy.
        check_fresh(planned, _plan(config, running))
        require_valid(config, running)
        before = running.dashboard.serve_details()
        try:
            serve_deploy(config, running)
            wait_visibly(running, config, timeout_s=timeout_s)
        except (ServeError, KeyboardInterrupt):
            if rollback_on_failure:
                _put_back(running, before, timeout_s)
            raise
    if as_json:
        output.print_json({"file": planned.file, "changes": len(planned.changes)})
        return
    click.echo(f"{planned.file} is in effect: {len(planned.changes)} changes")


def _put_back(running: Running, details: dict[str, Any], timeout_s: float) -> None:
    """Deploy what Serve was given before, and wait until it is in effect.

    Raises:
        ServeError: it is not; says what is missing.
    """
    from serve_app.serving.deploying import declaration
    from serve_app.serving.deploying.readiness import wait_until_ready

    output.warn("it failed: putting back what was deployed before")
    config = declaration.from_serve(details)
    running.dashboard.put_config(config)
    with output.progress().status("waiting …") as status:
        wait_until_ready(running, config, timeout_s=timeout_s, tell=output.tell(status))


def _plan(file: Path, running: Running) -> Plan:
    """What a deploy of a file would change now."""
    from serve_app.documents.yaml_reading import read_yaml
    from serve_app.engine.trusted_registry import open_registry
    from serve_app.serving.deploying import changes
    from serve_app.serving.planning.plan import plan_of

    os.environ[HOME_VARIABLE] = running.environment[HOME_VARIABLE]
    content = file.read_bytes()
    given = read_yaml(content)
    registry = changes.registry_of(running, given) or "./registry"
    standing = _standing(running)
    return plan_of(str(file), content, given, standing, open_registry(registry))


def _standing(running: Running) -> Standing:
    """What stands in a cluster, whose gateway may not answer yet."""
    from serve_app.cli.admin import AdminClient
    from serve_app.cluster import web
    from serve_app.cluster.node_totals import fixed_nodes
    from serve_app.serving.deploying import changes
    from serve_app.serving.planning.plan import Standing

    config = changes.deployed(running)
    weights: dict[str, dict[str, float]] = {}
    rollouts: dict[str, str] = {}
    if config["applications"]:
        endpoints = web.get(f"{running.http_url}/v1/endpoints", keys=("endpoints",))
        weights = endpoints.get("set_at_run_time", {})
        rollouts = {
            one["endpoint"]: one["candidate"]
            for one in AdminClient.of(running).rollouts()
            if one["phase"] in _UNDER_WAY
        }
    nodes = fixed_nodes(running.dashboard)
    cpus = None if nodes is None else sum(node.get("CPU", 0.0) for node in nodes)
    return Standing(config, weights, rollouts, cpus)
