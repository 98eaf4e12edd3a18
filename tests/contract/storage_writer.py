"""What other processes do to a store: write until they are killed, or all at once."""

import os
import sys
from pathlib import Path

from serve_app.core.events import Event
from serve_app.core.feedback import Feedback
from serve_app.errors import Conflict
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


def claim(state, version, folder):
    """Write one version, and leave a file in a folder where that succeeds."""
    try:
        SnapshotStore(state).save(version, "hash", {"version": version})
    except Conflict:
        return
    (Path(folder) / str(os.getpid())).touch()


def tell(state, start):
    """Record twenty pieces of feedback, from a number on."""
    store = FeedbackStore(state)
    for number in range(20):
        store.record(Feedback("risk", f"p-{start + number}", reward=1.0), 1.0)


def lists_of(part):
    """A hundred items that are told together."""
    return [Feedback("risk", f"p-{part}-{number}", f"[{number}]") for number in range(100)]


def record_lists(state, first, parts):
    """Record so many lists, from a part on."""
    store = FeedbackStore(state)
    for part in range(first, first + parts):
        store.record_all(lists_of(part), 1.0)


def write_lists(state, first):
    """Record lists, from a part on, and say of each when it is kept."""
    store, part = FeedbackStore(state), first
    while True:
        store.record_all(lists_of(part), 1.0)
        print(part, flush=True)
        part += 1


if __name__ == "__main__":
    {"write": write, "lists": write_lists}[(*sys.argv, "write")[3]](sys.argv[1], int(sys.argv[2]))
