"""Gateways see which of them stand still, and judge by nothing but a clock of the machine."""

import asyncio
import contextlib
import os
import struct
import subprocess
import sys

import pytest

from serve_app.serving import pulse
from serve_app.serving.pulse import PERIOD_S, STILL_S, Pulse, pulse_of
from tests.clocks import Clock

OWN = os.getpid()


@pytest.fixture
def other():
    """The number of a process that is there."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


def shown(folder, process, at_s):
    (folder / str(process)).write_bytes(struct.pack("d", at_s))


def test_who_came_round_lately_stands_not_still(tmp_path, other):
    clock = Clock(100.0)
    one = Pulse(tmp_path, OWN, lambda _: 0, clock=clock)
    shown(tmp_path, other, clock.now_s)
    clock.now_s += STILL_S
    assert one.standing_still() == {}
    clock.now_s += 0.25
    assert one.standing_still() == {other: STILL_S + 0.25}


def test_oneself_and_what_is_no_pulse_do_not_count(tmp_path, other):
    clock = Clock(100.0)
    one = Pulse(tmp_path, OWN, lambda _: 0, clock=clock)
    shown(tmp_path, OWN, clock.now_s)
    (tmp_path / str(other)).write_bytes(b"")
    (tmp_path / "notes").write_bytes(struct.pack("d", 0.0))
    clock.now_s += 60
    assert one.standing_still() == {}


def test_who_ended_is_forgotten(tmp_path):
    clock = Clock(100.0)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    shown(tmp_path, ended.pid, clock.now_s)
    clock.now_s += 60
    assert Pulse(tmp_path, OWN, lambda _: 0, clock=clock).standing_still() == {}
    assert list(tmp_path.iterdir()) == []


def run(seconds, folder, passed, clock):
    """A pulse whose sleeps take no time but the clock's; gives who was passed by when."""

    async def everything():
        one = Pulse(folder, OWN, lambda process: passed.append((process, clock.now_s)) or 1,
                    clock=clock)  # fmt: skip
        task = asyncio.create_task(one.run())
        ends_s = clock.now_s + seconds
        while clock.now_s < ends_s:
            await asyncio.sleep(0)
            assert not task.done()
        assert (folder / str(OWN)).exists()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(everything())


@pytest.fixture
def clock(monkeypatch):
    """A clock that sleeps set forward; `late_s` is how much more than they should."""
    one = Clock(100.0)
    one.late_s = 0.0
    sleep = asyncio.sleep

    async def slept(seconds):
        one.now_s += seconds + (one.late_s if seconds else 0.0)
        await sleep(0)

    monkeypatch.setattr(pulse.asyncio, "sleep", slept)
    return one


def test_one_that_stands_still_is_passed_by_within_two_seconds_and_again_each_second(
    tmp_path, other, clock
):
    began_s, passed = clock.now_s, []
    shown(tmp_path, other, began_s)
    run(4.0, tmp_path, passed, clock)
    assert {process for process, _ in passed} == {other}
    times_s = [at_s - began_s for _, at_s in passed]
    assert STILL_S < times_s[0] <= STILL_S + 2 * PERIOD_S
    assert 3 <= len(times_s) <= 4
    assert not (tmp_path / str(OWN)).exists()


def test_who_is_late_itself_judges_nobody(tmp_path, other, clock):
    passed = []
    clock.late_s = 5.0
    shown(tmp_path, other, clock.now_s)
    run(30.0, tmp_path, passed, clock)
    assert passed == []


def test_there_is_none_without_a_cluster_of_ours(tmp_path):
    assert pulse_of(None, tmp_path) is None
    assert pulse_of("", tmp_path) is None
    assert isinstance(pulse_of(str(tmp_path), tmp_path), Pulse)


def test_ports_are_those_at_which_a_process_listens():
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    port = int(process.stdout.readline())
    assert pulse._ports_of(process.pid) == {port}
    process.communicate("\n")
    assert pulse._ports_of(process.pid) == set()
    assert "127.0.0.1" in pulse._own_addresses()
