"""A node joins its cluster again once its raylet has ended, as soon as the head answers."""

import json
import subprocess
import sys

import psutil
import pytest

from serve_app.cluster.environment import Ports
from serve_app.cluster.node import Cluster
from serve_app.cluster.node_supervisor import HEAD_PERIOD_S, NodeSupervisor
from serve_app.cluster.options import NodeOptions, write_options
from serve_app.cluster.supervisor import Times
from serve_app.errors import NotReady, ServerFault
from tests.clocks import Clock

HEAD = "10.0.0.1:6379"


class Faked:
    """Stands for a node that joined; each time it joins it has another raylet."""

    def __init__(self, folder):
        self.started = folder / "started.json"
        self.supervision = folder / "supervision.json"
        self.options = NodeOptions(ports=Ports(first=20_000), home=folder, node_ip="10.0.0.2")
        write_options(self.started, self.options)
        self.raylets = []
        self.joins = []
        self.failures = []
        self.begin()

    def begin(self):
        code = "import time; print(1, flush=True); time.sleep(60)"
        raylet = subprocess.Popen(
            [sys.executable, "-c", code, "raylet/raylet"], stdout=subprocess.PIPE
        )
        raylet.stdout.readline()
        self.raylets.append(raylet)

    def processes(self):
        return [psutil.Process(one.pid) for one in self.raylets if one.poll() is None]

    def rejoin(self, address, options):
        self.joins.append((address, options))
        if self.failures:
            raise self.failures.pop(0)
        self.begin()

    def kill(self):
        self.raylets[-1].kill()
        self.raylets[-1].wait()


class Head:
    def __init__(self):
        self.error = None

    def __call__(self, address):
        assert address == HEAD
        if self.error is not None:
            raise self.error


@pytest.fixture
def node(tmp_path):
    made = Faked(tmp_path)
    yield made
    for one in made.raylets:
        one.kill()
        one.wait()
        one.stdout.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def head():
    return Head()


@pytest.fixture
def supervisor(node, clock, head):
    return NodeSupervisor(node, HEAD, Times(clock, clock), ask=head)


def kept(node):
    return json.loads(node.supervision.read_text())


def steps(supervisor, clock, count, every_s=0.5):
    for _ in range(count):
        assert supervisor.step()
        clock.now_s += every_s


def test_nothing_is_done_while_its_raylet_lives(supervisor, node, clock):
    steps(supervisor, clock, 4)
    assert node.joins == []
    assert kept(node)["phase"] == "watching"
    assert not supervisor.is_mending


def test_it_joins_again_as_it_joined_before(supervisor, node, clock):
    steps(supervisor, clock, 1)
    node.kill()
    steps(supervisor, clock, 1)
    assert supervisor.is_mending
    assert kept(node)["phase"] == "restarting"
    steps(supervisor, clock, 1)
    assert node.joins == [(HEAD, node.options)]
    shown = kept(node)
    assert (shown["phase"], shown["restarts"], shown["last_why"]) == (
        "watching", 1, "Ray's raylet ended",
    )  # fmt: skip
    assert shown["last_took_s"] == 0.5
    steps(supervisor, clock, 3)
    assert len(node.joins) == 1


def test_it_waits_until_the_head_answers(supervisor, node, clock, head):
    head.error = TimeoutError("timed out")
    node.kill()
    steps(supervisor, clock, 40)
    assert node.joins == []
    assert f"the head at {HEAD} does not answer (timed out)" in kept(node)["trouble"]
    head.error = None
    steps(supervisor, clock, int(HEAD_PERIOD_S / 0.5) + 1)
    assert len(node.joins) == 1
    assert kept(node)["trouble"] is None


def test_what_fails_is_tried_again_ever_later(supervisor, node, clock):
    node.failures = [ServerFault("Ray did not start; it said: no room")] * 3
    node.kill()
    steps(supervisor, clock, 2)
    assert kept(node)["trouble"] == "Ray did not start; it said: no room"
    steps(supervisor, clock, 20)
    assert len(node.joins) == 4
    assert (kept(node)["phase"], kept(node)["trouble"]) == ("watching", None)


def test_it_ends_once_somebody_has_stopped_the_node(supervisor, node):
    node.started.unlink()
    node.kill()
    assert not supervisor.step()
    assert node.joins == []


def test_a_stop_in_the_middle_of_joining_is_no_fault(supervisor, node, clock, monkeypatch):
    def stopped(address, options):
        node.started.unlink()
        raise NotReady("the node was stopped while it joined again")

    monkeypatch.setattr(node, "rejoin", stopped)
    node.kill()
    steps(supervisor, clock, 1)
    assert not supervisor.step()


@pytest.fixture
def joined(tmp_path, monkeypatch):
    """A node of which nothing is really started."""
    calls = []
    monkeypatch.setattr(Cluster, "_end", lambda *_, at_once=False: calls.append(at_once) or 0)
    cluster = Cluster(tmp_path / "state")
    (tmp_path / "state").mkdir()
    monkeypatch.setattr(type(cluster._begin), "node", lambda *_: ({"A": "b"}, 7))
    cluster.calls = calls
    return cluster


OPTIONS = NodeOptions(ports=Ports(), home="/", no_token=True)


def test_a_node_that_joins_remembers_how(joined):
    assert joined.joined_address() is None
    joined.join(HEAD, OPTIONS)
    assert joined.joined_address() == HEAD
    assert joined.started.exists()
    # No raylet runs.
    assert not joined.has_joined()
    joined.rejoin(HEAD, OPTIONS)
    assert joined.calls == [True]


def test_a_node_that_is_stopped_while_it_joins_again_does_not_come_back(joined):
    with pytest.raises(NotReady, match="was stopped while it joined again"):
        joined.rejoin(HEAD, OPTIONS)
    assert joined.calls == [True, False]


def test_nobody_brings_back_a_node_that_hands_over(joined, monkeypatch):
    joined.join(HEAD, OPTIONS)
    seen = []
    monkeypatch.setattr(
        "serve_app.cluster.node.hand_over", lambda *_: seen.append(joined.started.exists())
    )
    joined.hand_over(None)
    assert seen == [False]
