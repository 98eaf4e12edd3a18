"""A process that writes to every store for ever, until it is killed; it tells what is kept."""

import sys

from serve_app.core.events import Event
from serve_app.core.feedback import Feedback
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.snapshots import SnapshotStore


def body_of(version):
    """A body that shows whether it is whole: every part of it says its version."""
    return {"version": version, "parts": [version] * 20_000}


def write(state, first):
    """Write snapshots, feedback and events in turn, from a number on."""
    snapshots, feedback, events = SnapshotStore(state), FeedbackStore(state), EventLog(state)
    number = first
    while True:
        snapshots.save(number, "hash", body_of(number))
        feedback.record(Feedback("risk", f"p-{number}", f'["{number}"]'), float(number))
        events.append(Event(float(number), "ada", "declared", "risk", after={"number": number}))
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
