"""Begins a run in this folder, or works on it and dies by SIGKILL at a named fault point.

Beside the tests, in processes of their own: `python killed_retraining.py begin PIPELINE`, and
`python killed_retraining.py work MODEL NUMBER POINT`.
"""

import os
import signal
import sys
import time
from pathlib import Path

import click

from serve_app.cli.retrain_place import RetrainingPlace, body_of_retraining
from serve_app.lifecycle.retraining import leases
from serve_app.lifecycle.retraining.effects import Effects
from serve_app.lifecycle.retraining.local import LocalTraining
from serve_app.lifecycle.retraining.machine import Machine
from serve_app.lifecycle.retraining.trigger import Trigger
from serve_app.lifecycle.spec import read_pipeline

PLACE = RetrainingPlace("./runs", "./registry", None, "./state", quiet=True)


def begin(pipeline: str) -> None:
    """Begin a run on which nobody works yet."""
    settings = read_pipeline(Path(pipeline))
    trigger = Trigger(
        settings.model, "manual", "faults", "faults", time.time(), "ann", forced=True
    )  # fmt: skip
    body = body_of_retraining(settings)
    print(PLACE.intake().take(trigger, settings.pipeline, body, settings.retrain.guards).run)


def work(model: str, number: str, point: str) -> None:
    """Move the run as far as it goes, or until it comes to the point."""

    def die(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    database = PLACE.database
    # Each process that was killed has left its lease, for the end of which nobody waits here.
    later_s = time.time() + int(number) * (leases.LENGTH_S + 1)
    lease = leases.acquire(database, model, f"process {os.getpid()}", later_s)
    effects = Effects(LocalTraining(PLACE.training()), PLACE.versions(), PLACE.canaries())
    run = Machine(PLACE.ledger, effects, lease, lambda: later_s, die).work()
    leases.release(database, lease)
    PLACE.publish(model)
    print("nothing" if run is None else run.state)


if __name__ == "__main__":
    # As in a command, whose options say whose signatures count.
    with click.Context(click.Command("retraining")):
        {"begin": begin, "work": work}[sys.argv[1]](*sys.argv[2:])
