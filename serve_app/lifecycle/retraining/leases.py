"""Who works on the runs of a model: one process at a time, each with a higher epoch."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from serve_app.errors import Conflict
from serve_app.lifecycle.retraining.database import Database

LENGTH_S = 30.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of `owner` to work on a model's runs.

    Who takes over has a higher `epoch`, so that a process that slept meanwhile is known by its
    lower one.
    """

    model: str
    owner: str
    epoch: int


def acquire(database: Database, model: str, owner: str, now_s: float) -> Lease:
    """The lease of a model: the owner's own, longer; a new one; or one that ran out.

    Raises:
        Conflict: another process has it; says until when.
    """
    with database.writing() as db:
        row = db.execute("SELECT * FROM lease WHERE model = ?", (model,)).fetchone()
        epoch = 1 if row is None else int(row["epoch"])
        if row is not None and row["owner"] != owner:
            left_s = row["expires_s"] - now_s
            if left_s > 0:
                msg = (
                    f"{row['owner']} works on {model} and may for {left_s:.0f} s more; it goes "
                    "on by itself, and if its process died, try again then"
                )
                raise Conflict(msg, owner=row["owner"], left_s=left_s)
            epoch += 1
        db.execute(
            "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)",
            (model, owner, epoch, now_s + LENGTH_S),
        )
    return Lease(model, owner, epoch)


def release(database: Database, lease: Lease) -> None:
    """Let another process begin at once; one that has taken over already keeps it."""
    with database.writing() as db:
        db.execute(
            "UPDATE lease SET expires_s = 0 WHERE model = ? AND owner = ? AND epoch = ?",
            (lease.model, lease.owner, lease.epoch),
        )


def check(db: sqlite3.Connection, lease: Lease) -> None:
    """Hold a lease against the one that stands, in the transaction that it is to allow.

    Raises:
        Conflict: another process has taken over.
    """
    row = db.execute("SELECT owner, epoch FROM lease WHERE model = ?", (lease.model,)).fetchone()
    if row is None or (row["owner"], row["epoch"]) != (lease.owner, lease.epoch):
        msg = f"another process works on {lease.model} by now, so that this one stops"
        raise Conflict(msg)


@contextmanager
def kept(database: Database, lease: Lease, clock: Callable[[], float]) -> Iterator[None]:
    """Make a lease longer all the time, in a thread, while something takes long."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(LENGTH_S / 3):
            # Whoever has lost it is stopped by its next change.
            with database.writing() as db:
                db.execute(
                    "UPDATE lease SET expires_s = ? WHERE model = ? AND owner = ? AND epoch = ?",
                    (clock() + LENGTH_S, lease.model, lease.owner, lease.epoch),
                )

    thread = threading.Thread(target=renew, name=f"lease of {lease.model}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
