"""A node asks Ray to drain it and waits until none of its processes is a replica."""

import socket
import subprocess

import pytest

from serve_app.cluster import draining
from serve_app.cluster.draining import Patience, hand_over

NODE = "ab" * 28


class Process:
    """A process of the node, as psutil tells of it."""

    def __init__(self, name, *arguments):
        self._name, self._arguments = name, list(arguments)

    def name(self):
        return self._name

    def cmdline(self):
        return self._arguments


RAYLET = Process("raylet", "/ray/raylet", "--node_manager_port=0", f"--node_id={NODE}")
GATEWAY = Process("ray::ServeRepli", "ray::ServeReplica:gateway:Gateway.handle_request")
MODEL = Process("ray::ServeRepli", "ray::ServeReplica:churn-1:Model")
EDITOR = Process("vi", "vi", "ray::ServeReplica:notes")


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def head():
    """A port on which somebody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def ray(monkeypatch):
    """Plays `ray drain-node`; keeps what it was called with."""

    class Ray:
        code, error, calls = 0, "", ()

        def run(self, command, **options):
            self.calls = (*self.calls, (command[1:], options["env"]))
            return subprocess.CompletedProcess(command, self.code, "", self.error)

    made = Ray()
    monkeypatch.setattr(draining.subprocess, "run", made.run)
    return made


def test_a_node_waits_until_its_replicas_are_gone(ray, head, clock):
    heard = []

    def living():
        left = [GATEWAY, MODEL][: 2 - int(clock.now_s)]
        return [RAYLET, EDITOR, *left]

    patience = Patience(60.0, heard.append, clock, clock.sleep)
    assert hand_over(living, head, {"RAY_AUTH_MODE": "disabled"}, patience) is None
    ((command, environment),) = ray.calls
    assert command[:5] == ["drain-node", "--address", head, "--node-id", NODE]
    assert command[command.index("--reason") + 1] == "DRAIN_NODE_REASON_PREEMPTION"
    assert command[-2:] == ["--deadline-remaining-seconds", "60"]
    assert environment["RAY_AUTH_MODE"] == "disabled"
    assert heard[1] == "handing over churn-1:Model, gateway:Gateway"
    assert clock.now_s == pytest.approx(2.0, abs=0.3)


def test_what_no_other_node_takes_is_said_after_the_time_given(ray, head, clock):
    patience = Patience(5.0, str, clock, clock.sleep)
    words = hand_over(lambda: [RAYLET, MODEL], head, {}, patience)
    assert words == "no other node took over churn-1:Model within 5 s"


def test_a_head_that_is_gone_is_not_waited_for(ray, clock):
    patience = Patience(5.0, str, clock, clock.sleep)
    words = hand_over(lambda: [RAYLET, MODEL], "127.0.0.1:1", {}, patience)
    assert words.startswith("the head at 127.0.0.1:1 does not answer")
    assert ray.calls == ()
    assert clock.now_s == 0


def test_a_refusal_is_said(ray, head, clock):
    ray.code, ray.error = 1, "Error: The drain request\n is not accepted"
    patience = Patience(5.0, str, clock, clock.sleep)
    words = hand_over(lambda: [RAYLET, MODEL], head, {}, patience)
    assert words == "Ray refused: Error: The drain request is not accepted"


def test_where_no_node_lives_there_is_nothing_to_hand_over(ray, head, clock):
    patience = Patience(5.0, str, clock, clock.sleep)
    assert hand_over(lambda: [MODEL], head, {}, patience) is None
    assert ray.calls == ()
