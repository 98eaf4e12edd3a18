"""What Serve's REST API says of replicas."""

from benchmarks.scaling.figures import Count
from benchmarks.scaling.sampling import counts


def test_replicas_that_start_or_stop_do_not_run() -> None:
    replicas = [{"state": state} for state in ("RUNNING", "STARTING", "STOPPING", "RUNNING")]
    told = {
        "forest-1": {"deployments": {"Model": {"replicas": replicas, "target_num_replicas": 3}}},
        "broken-1": {"deployments": {}},
    }
    assert counts(told) == {"forest-1": Count(running=2, target=3)}
