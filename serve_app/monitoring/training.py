"""What runs of training and retraining have come to, as samples, from the events of the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from serve_app.core.events import Event
from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample

TRAINING = "training"
"""The kind of event that says how a run of training ended: `after` is what it came to."""


def of_training(events: Iterable[Event]) -> Iterator[Sample]:
    """Runs that ended, their trials, and how long ago and how long the newest one was.

    `events` are the newest first.
    """
    ended: Counter[tuple[str, str]] = Counter()
    trials: Counter[tuple[str, str]] = Counter()
    newest: dict[str, Event] = {}
    for event in events:
        model = event.after["model"]
        newest.setdefault(model, event)
        ended[model, event.after["state"]] += 1
        failed = event.after["failed_trials"]
        trials[model, "judged"] += event.after["trials"] - failed
        trials[model, "failed"] += failed
    for labels, count in ended.items():
        yield Sample(catalogue.TRAINING_RUNS, labels, count)
    for labels, count in trials.items():
        yield Sample(catalogue.TRAINING_TRIALS, labels, count)
    for model, event in newest.items():
        yield Sample(catalogue.TRAINING_SECONDS, (model,), event.after["seconds"])
        yield Sample(catalogue.TRAINING_ENDED, (model,), event.at_s)


def of_retraining(events: Iterable[Event]) -> Iterator[Sample]:
    """How many runs of each model are in each state now; `events` are the newest first."""
    states: dict[str, str] = {}
    for event in events:
        # What happens to a model and not to a run of it has no state.
        model, _, number = event.subject.rpartition("-r")
        if model and number.isdecimal() and isinstance(event.after, str):
            states.setdefault(event.subject, event.after)
    counts = Counter((run.rpartition("-r")[0], state) for run, state in states.items())
    for labels, count in counts.items():
        yield Sample(catalogue.RETRAINING_RUNS, labels, count)
