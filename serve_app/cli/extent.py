"""How much of Ray a command starts on this machine."""

from __future__ import annotations

import click

full = click.option(
    "--full",
    is_flag=True,
    help="Start all that Ray can start, ray:// and the output of tasks in drivers' terminals "
    "too.  [default: what this machine alone needs]",
)
