"""How runs of training ended is told once, to a cluster that there is."""

import pytest

from serve_app.cli import train_events
from serve_app.lifecycle.ledger import Run
from serve_app.lifecycle.trial import Trial
from serve_app.storage.events import EventLog


class Runs:
    """A ledger of runs, the newest first; of two trials of each, one failed."""

    def __init__(self, *runs):
        self._runs = list(runs)

    def runs(self):
        return self._runs

    def trials(self, _):
        judged = Trial(0, 0, "linear", {}, (0.9, 0.8))
        return [judged, Trial(1, 0, "linear", {}, error="it raised")]


def run(number, state="SUCCEEDED", ended_at=110.0, **more):
    return Run(f"churn-{number}", "churn", "churn", {}, state, 100.0, ended_at, **more)


@pytest.fixture
def log(tmp_path):
    return EventLog(str(tmp_path))


def test_what_ended_is_kept_once_and_what_goes_on_is_not(log):
    ledger = Runs(run(2, "RUNNING", None), run(1, "FAILED", 112.5, error="no rows"))
    for _ in range(2):
        train_events.publish(ledger, log)
    (event,) = log.newest(kind="training")
    assert (event.subject, event.at_s, event.why) == ("churn-1", 112.5, "no rows")
    assert event.after == {
        "model": "churn", "state": "FAILED", "seconds": 12.5, "trials": 2, "failed_trials": 1,
    }  # fmt: skip
    # Runs of other folders have the same numbers.
    train_events.publish(Runs(run(1, ended_at=200.0)), log)
    assert len(log.newest(kind="training")) == 2


def test_without_a_cluster_nothing_is_kept(tmp_path):
    with train_events.published(str(tmp_path / "runs"), str(tmp_path / "state")):
        pass
    assert list(tmp_path.iterdir()) == []
