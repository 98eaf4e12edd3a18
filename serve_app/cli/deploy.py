"""`serve-app deploy`: validate, `serve deploy`, and wait until it is in effect."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.validate import require_valid
from serve_app.cluster.commands import script
from serve_app.cluster.node import Cluster, Running
from serve_app.cluster.proxies import past_proxies
from serve_app.core.extras import require
from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import Conflict
from serve_app.serving.deploying import declaration
from serve_app.serving.deploying.attempts import until_taken
from serve_app.serving.deploying.readiness import wait_until_ready
from serve_app.serving.deploying.turns import Queue, turn
from serve_app.serving.messages import plain

MIN_QUEUE_S = 10.0


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@output.option_state
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until it is in effect."
)
@click.option(
    "--timeout-s", "--timeout", default=180.0, show_default=True, help="How long to wait."
)
@output.as_json
def deploy(file: str, state: str, wait: bool, timeout_s: float, as_json: bool) -> None:
    """Check a config FILE, hand it to `serve deploy`, and wait until it is in effect.

    Then the next request is answered as the file says, whichever gateway it reaches. What is not
    in effect in time is said, with an exit code other than 0. Deploys of one cluster wait for each
    other, and one that another came after says so.
    """
    require("ray")
    running = Cluster(Path(state)).require()
    report = require_valid(Path(file), running)
    with deploy_turn(running, Path(file), timeout_s=timeout_s):
        with output.progress().status("serve deploy …"):
            serve_deploy(Path(file), running)
        if wait:
            wait_visibly(running, Path(file), timeout_s=timeout_s)
            _warn_of_other_machines(running, Path(file))
    if as_json:
        output.print_json(
            {"file": file, "in_effect": wait, "documentation": f"{running.http_url}/docs"}
        )
        return
    state_words = "deployed" if wait else "handed to Serve (serve-app status tells how far it is):"
    click.echo(f"{state_words} {file}; documentation: {running.http_url}/docs")
    for one in report.follows:
        click.echo(f"follows {one}")


def deploy_turn(running: Running, file: Path, *, timeout_s: float) -> AbstractContextManager[None]:
    """Wait for other deploys of the cluster to end, and hold back those that come meanwhile.

    Raises:
        Conflict: another is still under way after `timeout_s`; says whose.
    """
    return turn(running, f"deploy {file}", Queue(max(timeout_s, MIN_QUEUE_S), output.warn))


def wait_visibly(running: Running, file: Path, *, timeout_s: float) -> None:
    """Return once what a file declares is in effect, and show meanwhile what is missing.

    Raises:
        Conflict: something else was deployed since; says what differs.
        ServerFault: an application failed; says which and why.
        NotReady: it took longer than `timeout_s`; says what is not in effect yet.
    """
    declared = read_yaml(file.read_text())
    with output.progress().status("waiting …") as status:
        wait_until_ready(running, declared, timeout_s=timeout_s, tell=output.tell(status))


def _warn_of_ends(running: Running, file: Path) -> None:
    """Say which endpoints answer now and will not when the file is deployed."""
    # It takes a second to import; who asks for help need not wait for it.
    from serve_app.serving.deploying import changes

    answering = declaration.endpoints(changes.deployed(running))
    ending = sorted(set(answering) - set(declaration.endpoints(read_yaml(file.read_text()))))
    if ending:
        output.warn(
            f"{file} does not declare {', '.join(ending)}, so that they answer no more from now "
            "on; serve-app init --running writes a config of all that runs"
        )


def _warn_of_other_machines(running: Running, file: Path) -> None:
    from serve_app.serving.checking.addresses import unreached_machines

    words = unreached_machines(read_yaml(file.read_text()), running.dashboard.serve_details())
    if words is not None:
        output.warn(words)


def serve_deploy(
    file: Path, running: Running, *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Run Ray's own `serve deploy`, again where the machine was too busy for it.

    Endpoints that end with the file are warned of.

    Raises:
        Conflict: the file says what a running cluster cannot take.
        ServerFault: it refused, or Ray's own processes died each time.
    """
    refuse_fixed(file, running)
    _warn_of_ends(running, file)
    until_taken(lambda: _once(file, running), str(file), warn=output.warn, sleep=sleep)


def refuse_fixed(file: Path, running: Running) -> None:
    """Compare a file with what Serve settles when it starts and takes from no later file.

    Raises:
        Conflict: the file says something else; names each key and what to do.
    """
    from serve_app.serving.checking.settled import differences

    declared = read_yaml(file.read_text())
    standing = running.dashboard.serve_details()
    problems = differences(declared, standing, running.http_port)
    if problems:
        listed = "\n".join(f"  {one}" for one in problems)
        port = (declared.get("http_options") or {}).get("port", 8000)
        msg = (
            f"{file} is not deployed, since a cluster that runs cannot take this:\n{listed}\n"
            "change the file, or restart the cluster: serve-app cluster stop, then "
            f"serve-app cluster start --http-port {port}, and deploy again"
        )
        raise Conflict(msg)


def _once(file: Path, running: Running) -> str | None:
    """Run it once; what it said where it failed, nothing where it did not."""
    command = [script("serve"), "deploy", str(file)]
    done = subprocess.run(  # noqa: S603 - our own arguments
        [*command, "--address", running.dashboard_url],
        env={**os.environ, **running.environment, **past_proxies(os.environ)},
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else plain(done.stderr or done.stdout).strip()
