"""The policy inside Serve's own autoscaling state, which decides as the controller's does."""

import subprocess
import sys
import time

import pytest
from ray import cloudpickle
from ray.serve._private import autoscaling_state
from ray.serve._private.autoscaling_state import DeploymentAutoscalingState
from ray.serve._private.common import (
    RUNNING_REQUESTS_KEY,
    DeploymentID,
    ReplicaID,
    ReplicaMetricReport,
    TimeStampedValue,
)
from ray.serve._private.config import DeploymentConfig
from ray.serve._private.deployment_info import DeploymentInfo
from ray.serve.config import AutoscalingConfig

from serve_app.errors import ConfigError
from serve_app.serving import autoscaling, scaling_records
from serve_app.serving.autoscaling import ByLoad, scaling_settings

ID = DeploymentID("Model", "m-1")
POLICY = {"policy_function": "serve_app.serving.autoscaling:ByLoad"}


class World:
    """A deployment with its replicas, on a clock that the tests turn."""

    def __init__(self, monkeypatch, user_config=None, **keys):
        self.now = time.time()
        monkeypatch.setattr(autoscaling_state.time, "time", lambda: self.now)
        self.records = {}
        monkeypatch.setattr(scaling_records, "read", lambda key: self.records.get(key, {}))
        monkeypatch.setattr(scaling_records, "write", self.records.__setitem__)
        usual = {
            "max_replicas": 8,
            "look_back_period_s": 5,
            "downscale_delay_s": 10,
            "metrics_interval_s": 1,
        }
        config = AutoscalingConfig(policy=POLICY, **{**usual, "upscale_delay_s": 0, **keys})
        info = DeploymentInfo(
            deployment_config=DeploymentConfig(autoscaling_config=config, user_config=user_config),
            replica_config=None,
            start_time_ms=0,
            deployer_job_id="",
        )
        self.state = DeploymentAutoscalingState(ID)
        self.target = self.state.register(info, config.min_replicas)
        self.replicas = []
        self.series = {}
        self.come()

    def come(self):
        """Let as many replicas stand as there are to be."""
        while len(self.replicas) < self.target:
            self.replicas.append(ReplicaID(f"r{len(self.series)}", ID))
            self.series[self.replicas[-1]] = {}
        del self.replicas[self.target :]
        self.state.update_running_replica_ids(list(self.replicas))

    def pass_(self, seconds, *, ongoing=0.0, come=True, **load):
        """Let time pass under a load, in steps of the controller, and give the target."""
        described = {"waiting_requests": 0.0, "wait_ms": 0.0, "call_ms": 1.0, "calls": 100}
        told = {"busy": 0.0, **described, **load}
        for step in range(round(seconds / 0.1)):
            self.now += 0.1
            if step % 5 == 0:
                for replica in self.replicas:
                    self._report(replica, {**told, RUNNING_REQUESTS_KEY: ongoing})
            self.target = self.state.get_decision_num_replicas(self.target)
            if come:
                self.come()
        return self.target

    def _report(self, replica, values):
        series = self.series[replica]
        for name, value in values.items():
            kept = [p for p in series.get(name, []) if p.timestamp > self.now - 5]
            series[name] = [*kept, TimeStampedValue(self.now, value)]
        self.state.record_request_metrics_for_replica(
            ReplicaMetricReport(replica, dict(series), self.now)
        )

    @property
    def record(self):
        """What was written last."""
        thread = self.state._policy.__wrapped__._record._writing
        if thread is not None:
            thread.join()
        return self.records["m-1/Model"]


@pytest.fixture
def world(monkeypatch):
    return lambda *args, **keys: World(monkeypatch, *args, **keys)


def test_a_busy_replica_gets_company_and_the_record_says_why(world):
    here = world()
    assert here.pass_(3, busy=0.95) == 2
    here.pass_(4, busy=0.5)
    record = here.record
    assert (record["replicas"], record["target"]) == (2, 2)
    assert [(c["from"], c["to"], c["why"]) for c in record["changes"]] == [
        (1, 2, "busy 0.95 (target 0.7)")
    ]


def test_it_comes_to_rest_where_each_has_enough_time_left(world):
    here = world()
    here.pass_(3, busy=0.95)
    # As much work, now of two: each is below its target, and one alone would not be.
    assert here.pass_(60, busy=0.5) == 2


def test_requests_that_wait_in_gateways_are_ongoing(world):
    here = world(target_ongoing_requests=2, upscale_delay_s=6)
    assert here.pass_(10, ongoing=1.0, busy=0.3) == 1
    assert here.pass_(8, ongoing=1.0, busy=0.3, waiting_requests=5.0, come=False) == 3


def test_a_long_wait_asks_for_more(world):
    assert world().pass_(3, busy=0.4, wait_ms=41.0) == 2


def test_the_delay_is_kept(world):
    here = world(upscale_delay_s=5)
    assert here.pass_(4, busy=0.95) == 1
    assert here.pass_(3, busy=0.95) == 2


def test_replicas_that_are_starting_are_waited_for(world):
    here = world()
    assert here.pass_(30, busy=1.0, come=False) == 2


def test_a_first_replica_that_is_slow_to_start_is_not_given_up(world):
    here = world(min_replicas=0, initial_replicas=1, downscale_to_zero_delay_s=1)
    here.target = 1
    here.replicas.clear()
    here.state.update_running_replica_ids([])
    assert here.pass_(10, come=False) == 1


def test_what_was_measured_before_a_replica_came_is_not_held_against_both(world):
    here = world()
    here.pass_(2, busy=1.0)
    here.pass_(1, busy=1.0)
    assert here.target == 2
    assert here.pass_(20, busy=0.55) == 2


def test_it_goes_back_once_the_load_is_gone(world):
    here = world()
    here.pass_(3, busy=0.95)
    assert here.target == 2
    assert here.pass_(14, busy=0.0, calls=0) == 1
    assert here.record["why"] == "nothing is asked"


def test_it_goes_to_zero_and_back(world):
    here = world(min_replicas=0, initial_replicas=1, downscale_to_zero_delay_s=2)
    here.target = 1
    here.come()
    assert here.pass_(10, calls=0) == 0
    assert here.pass_(2) == 0
    here.state.get_total_num_requests = lambda: 1.0
    assert here.pass_(0.2) == 1


def test_the_targets_of_user_config_hold(world):
    assert world({"target_busy": 0.5}).pass_(3, busy=0.6) == 2
    assert world().pass_(20, busy=0.6) == 1
    assert world({"target_wait_ms": 50}).pass_(20, busy=0.4, wait_ms=41.0) == 1


def test_the_schedule_holds_without_any_replica(world):
    daily = [{"at": "daily 00:00", "min_replicas": 3}]
    here = world({"schedule": daily}, min_replicas=0)
    assert here.pass_(2) == 3
    assert "at least 3" in here.record["why"]


def test_a_deployment_that_reports_nothing_scales_by_its_requests(world):
    here = world()
    here.pass_(1)
    here.series[here.replicas[0]].clear()
    here.state._replica_metrics.clear()
    here.state.get_total_num_requests = lambda: 6.0
    here.now += 10
    assert here.state.get_decision_num_replicas(1) == 3


def test_changes_of_before_a_deploy_are_still_told(world):
    here = world()
    here.records["m-1/Model"] = {"changes": [{"at_s": 1.0, "from": 4, "to": 5, "why": "then"}]}
    here.pass_(3, busy=0.95)
    here.pass_(4, busy=0.5)
    assert [c["why"] for c in here.record["changes"]] == ["then", "busy 0.95 (target 0.7)"]


def test_a_store_that_fails_stops_no_scaling(world, monkeypatch):
    here = world()

    def fail(*_):
        raise OSError("the store is away")

    monkeypatch.setattr(scaling_records, "write", fail)
    assert here.pass_(3, busy=0.95) == 2


def test_it_travels_by_value_as_serve_sends_it():
    cloudpickle.register_pickle_by_value(autoscaling)
    try:
        sent = cloudpickle.dumps(ByLoad)
    finally:
        cloudpickle.unregister_pickle_by_value(autoscaling)
    receiver = "import pickle, sys; print(pickle.load(sys.stdin.buffer)()._wanted.replicas)"
    received = subprocess.run(
        [sys.executable, "-c", receiver], input=sent, capture_output=True, check=False
    )
    assert received.stdout.strip() == b"0", received.stderr.decode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"target_bussy": 1}, "target_bussy"),
        ({"target_busy": 1.5}, "target_busy"),
        ({"schedule": [{"at": "never", "min_replicas": 1}]}, "no time of the week"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ([1], "user_config"),
    ],
)
def test_targets_that_cannot_be_read_are_refused_in_words(body, said):
    with pytest.raises(ConfigError, match=said):
        scaling_settings(body)
