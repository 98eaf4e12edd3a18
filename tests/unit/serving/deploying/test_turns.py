"""Deploys of one cluster come one after the other, and each hears for whom it waits."""

import os
import threading

import pytest

from serve_app.cluster.node import Running
from serve_app.errors import Conflict
from serve_app.serving.deploying.turns import Queue, turn


@pytest.fixture
def running(tmp_path):
    return Running(tmp_path, 1, 1, 1, 1, "127.0.0.1", {})


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


def test_the_later_one_waits_and_hears_whose_turn_it_is(running):
    order, heard = [], []
    waiting = threading.Event()

    def tell(words):
        heard.append(words)
        waiting.set()

    def second():
        with turn(running, "deploy b.yaml", Queue(30.0, tell)):
            order.append("second")

    thread = threading.Thread(target=second)
    with turn(running, "deploy a.yaml", Queue(1.0, heard.append)):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    (words,) = heard
    assert words.startswith(f"waiting for deploy a.yaml (process {os.getpid()}, since ")


def test_one_that_waits_too_long_is_refused_and_says_for_whom(running):
    clock = Clock()
    with (
        turn(running, "endpoints add churn", Queue(1.0, str)),
        pytest.raises(Conflict) as caught,
        turn(running, "deploy b.yaml", Queue(5.0, str, clock, clock.sleep)),
    ):
        pytest.fail("it is not its turn")
    assert "nothing was changed, since endpoints add churn (process" in caught.value.message
    assert clock.now_s == pytest.approx(5.0, abs=0.5)


def test_a_turn_ends_with_an_error_too(running):
    with pytest.raises(ValueError, match="bad"), turn(running, "first", Queue(1.0, str)):
        raise ValueError("bad")
    heard = []
    with turn(running, "second", Queue(0.0, heard.append)):
        assert heard == []
    assert (running.folder / "changes.lock").read_text() == ""
