"""What all processes of a cluster find in their environment."""

from pathlib import Path

from serve_app.cluster.environment import Ports, variables
from serve_app.engine.batch import worker
from serve_app.serving.offline import trial_tasks


def test_what_is_served_comes_before_jobs_and_trials():
    made = variables(folder=Path("/x"), home=Path("/y"), ports=Ports(), drain_s=1.0)
    # In steps of `nice`: more of them is later.
    assert int(made["RAY_worker_niceness"]) == 0 < min(worker.NICENESS, trial_tasks.NICENESS)
