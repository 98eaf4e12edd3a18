"""Ends a training run from outside of its process; nothing of what trains is needed for that."""

from __future__ import annotations

from pathlib import Path

from serve_app.errors import Conflict
from serve_app.lifecycle import lock
from serve_app.lifecycle.ledger import TERMINAL, Ledger, Run


def cancelled(ledger: Ledger, folder: Path, run: Run, now_s: float) -> Run:
    """Stop a run: whoever works on it sees that; where nobody does, it is over at once.

    Raises:
        Conflict: it is over already.
    """
    if run.state in TERMINAL:
        raise Conflict(f"run {run.id} is over already: {run.state}")
    ledger.ask_to_cancel(run.id)
    if not lock.is_held(folder / run.id):
        ledger.end(run.id, "CANCELLED", now_s)
    return ledger.run(run.id)
