"""`serve-app deploy`: validate, `serve deploy`, and wait until it is in effect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.readiness import wait_until_ready
from serve_app.cli.validate import require_valid
from serve_app.config import HOME_VARIABLE
from serve_app.errors import ServerFault
from serve_app.serving.cluster import Cluster, Running
from serve_app.serving.proxies import past_proxies


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@output.option_state
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until it is in effect."
)
@click.option(
    "--timeout-s", "--timeout", default=180.0, show_default=True, help="How long to wait."
)
def deploy(file: str, state: str, wait: bool, timeout_s: float) -> None:
    """Check a config FILE, hand it to `serve deploy`, and wait until it is in effect.

    Then the next request is answered as the file says, whichever gateway it reaches. What is not
    in effect in time is said, with an exit code other than 0.
    """
    running = Cluster(Path(state)).require()
    require_valid(Path(file), running.environment[HOME_VARIABLE])
    with output.progress().status("serve deploy …"):
        serve_deploy(Path(file), running)
    if wait:
        wait_until_ready(running, Path(file), timeout_s=timeout_s)
    state_words = "deployed" if wait else "handed to Serve (serve-app status tells how far it is):"
    click.echo(f"{state_words} {file}; documentation: {running.http_url}/docs")


def serve_deploy(file: Path, running: Running) -> None:
    """Run Ray's own `serve deploy`.

    Raises:
        ServerFault: it refused.
    """
    command = [str(Path(sys.executable).parent / "serve"), "deploy", str(file)]
    done = subprocess.run(  # noqa: S603 - our own arguments
        [*command, "--address", running.dashboard_url],
        env={**os.environ, **running.environment, **past_proxies(os.environ)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-800:]
        msg = f"serve deploy refused {file}: {said}"
        raise ServerFault(msg)
