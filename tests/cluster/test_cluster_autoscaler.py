"""Ray's own autoscaler adds a node where replicas have no room, and gives it back."""

import json
import time

import psutil
import pytest
import yaml

from benchmarks.load import build_request
from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import (
    BIN,
    ROOT,
    application,
    config,
    endpoints,
    free_row,
    until,
)
from tests.cluster.load import Load
from tests.cluster.machines import ENDED, HEAD, JOINED, STARTED, Machines, happened

pytestmark = pytest.mark.long

IDLE_TIMEOUT_S = 6.0
MODEL = "diagnosis-xgb-1"
MACHINE = "machine-1"
BUSY_S = 3.0


def description(cluster):
    """A cluster whose head has two CPUs, and which may have one node more."""
    return {
        "cluster_name": "machines",
        "max_workers": 1,
        "idle_timeout_minutes": IDLE_TIMEOUT_S / 60,
        "provider": {
            "type": "external",
            "module": f"{Machines.__module__}.{Machines.__qualname__}",
            # Nodes start with all that they need: nothing is installed on them.
            "disable_node_updaters": True,
            "command": str(BIN / "serve-app"),
            "home": str(cluster.home),
            "address": f"127.0.0.1:{cluster.internal_ports}",
            "ports": free_row(11, above=cluster.internal_ports + 11),
        },
        # What `ray up` would fill in.
        "cluster_synced_files": [],
        "setup_commands": [],
        "head_setup_commands": [],
        "worker_setup_commands": [],
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 2}, "node_config": {}, "max_workers": 0},
            "worker": {
                "resources": {"CPU": 1},
                "node_config": {},
                "min_workers": 0,
                "max_workers": 1,
            },
        },
    }


def graph(replicas):
    """One endpoint, whose model takes a CPU per replica: beside the gateway, one has room."""
    body = config("split")
    endpoints(body)["diagnosis"] = {
        "preprocess": endpoints(body)["diagnosis"]["preprocess"],
        "route": {"kind": "single", "model": "diagnosis-xgb@1"},
    }
    body["applications"] = [application(body, name) for name in ("gateway", "control", MODEL)]
    for app in body["applications"]:
        app["deployments"][0].pop("autoscaling_config", None)
        app["deployments"][0]["num_replicas"] = 1
    model = application(body, MODEL)["deployments"][0]
    model["num_replicas"] = replicas
    model["ray_actor_options"] = {"num_cpus": 1}
    return body


@pytest.fixture(scope="module")
def growing(cluster):
    """A cluster that may grow, which has no node beside the head yet."""
    file = cluster.home / "cluster.yaml"
    file.write_text(yaml.safe_dump(description(cluster)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_enable_autoscaler_v2", "1")
        patch.setenv("RAY_CLOUD_INSTANCE_ID", HEAD)
        patch.setenv("RAY_NODE_TYPE_NAME", "head")
        patch.setenv("AUTOSCALER_UPDATE_INTERVAL_S", "1")
        # A node is idle only once its proxy has drained.
        patch.setenv("RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S", "1")
        cluster.start("--cpus", "2", "--autoscaling-config", file.name)
        try:
            yield cluster
        finally:
            for machine in {machine for machine, _ in happened(cluster.home)}:
                cluster.run("cluster", "stop", "--state", f"./{machine}")


def by_node(cluster):
    """The process ids of the model's running replicas, by the nodes on which they are."""
    deployments = cluster.applications()[MODEL]["deployments"]
    return {
        replica["node_id"]: replica["pid"]
        for replica in deployments["Model"]["replicas"]
        if replica["state"] == "RUNNING"
    }


def computed_s(pids):
    """The processor time that processes have taken so far, by process id."""
    taken = {pid: psutil.Process(pid).cpu_times() for pid in pids}
    return {pid: times.user + times.system for pid, times in taken.items()}


def living_nodes(cluster):
    """How many nodes live, as the Ray dashboard tells."""
    found = cluster.dashboard("/api/v0/nodes")["data"]["result"]["result"]
    return sum(node["state"] == "ALIVE" for node in found)


@pytest.fixture(scope="module")
def asked():
    rows = breast_cancer().frame.head(20).to_dict(orient="records")
    return [
        build_request(
            "POST",
            "/v1/models/diagnosis:predict",
            {"content-type": "application/json", "host": "127.0.0.1"},
            json.dumps({"instances": [row]}).encode(),
        )
        for row in rows
    ]


def test_replicas_without_room_get_a_node_which_goes_when_it_is_idle(growing, asked):
    growing.deploy(graph(replicas=1))
    (head,) = by_node(growing)
    assert living_nodes(growing) == 1
    assert happened(growing.home) == []
    with Load(growing, asked, connections=4, rate_per_s=20.0) as load:
        # What fits on no node is wanted from the provider, which starts one.
        growing.serve_deploy(graph(replicas=2))
        until(lambda: len(by_node(growing)) == 2, timeout_s=60, what="a replica on a new node")
        assert happened(growing.home) == [(MACHINE, STARTED), (MACHINE, JOINED)]
        assert living_nodes(growing) == 2
        both_compute(growing, asked)
        # What nothing runs on is given back, and what runs elsewhere stays where it is.
        growing.serve_deploy(graph(replicas=1))
        until(lambda: happened(growing.home)[-1] == (MACHINE, ENDED), timeout_s=60, what="its end")
        assert set(by_node(growing)) == {head}
        until(lambda: living_nodes(growing) == 1, timeout_s=20, what="one node alone")
    assert [what for _, what in happened(growing.home)] == [STARTED, JOINED, ENDED]
    assert load.report.failed == 0, load.report.bodies
    assert load.report.ok > 0


def both_compute(cluster, requests):
    """Ask through HTTP for a while, and see that the replica of either node answers."""
    before = computed_s(by_node(cluster).values())
    with Load(cluster, requests, connections=16) as load:
        began = time.monotonic()
        until(lambda: time.monotonic() - began > BUSY_S, timeout_s=30, what="some load")
    after = computed_s(before)
    assert load.report.failed == 0, load.report.bodies
    # A replica that nobody asks takes a hundredth of a core.
    assert min(after[pid] - before[pid] for pid in before) > 0.05 * BUSY_S
