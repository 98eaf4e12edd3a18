"""A cluster in the foreground: begun, kept, drained and stopped as signals say."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import psutil
import pytest

from serve_app.cluster.environment import MARK_VARIABLE
from serve_app.cluster.foreground import Ending, Kind, Signals, finish, named, stay
from serve_app.cluster.node import Cluster
from serve_app.errors import Conflict, ServerFault


class Clock:
    """Time that passes only while somebody sleeps, and what happens meanwhile."""

    def __init__(self, *events):
        self.now_s = 0.0
        self.events = list(events)

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds
        if self.events:
            self.events.pop(0)()

    def ending(self, **given):
        return Ending(clock=self, sleep=self.sleep, **given)


class Faked:
    """What stands for a node: its processes, and how often it was stopped."""

    def __init__(self, processes=(), running=None):
        self.living = list(processes)
        self.was_running = running
        self.stops = 0
        self.joined = False

    def running(self):
        return self.was_running

    def has_joined(self):
        return self.joined

    def processes(self):
        return self.living

    def stop(self):
        self.stops += 1
        return len(self.living)


@pytest.fixture
def program(tmp_path):
    """Starts a program that sleeps under a name, as `HAProxy` and Ray's head have theirs."""
    with contextlib.ExitStack() as ends:

        def start(name, environment=None, ignores=None):
            path = tmp_path / name
            if not path.exists():
                shutil.copy(shutil.which("sleep"), path)
            # What a shell ignores, the program ignores that it becomes.
            words = f"trap '' {ignores or 'WINCH'}; exec {path} 60"
            process = subprocess.Popen(
                ["sh", "-c", words], env={**os.environ, **(environment or {})}
            )
            ends.callback(process.wait)
            ends.callback(process.kill)
            started = psutil.Process(process.pid)
            deadline = time.monotonic() + 10
            while started.name() != name and time.monotonic() < deadline:
                time.sleep(0.01)
            return started

        yield start


def sent(number):
    return lambda: signal.raise_signal(number)


def test_sigterm_ends_what_has_begun_and_every_process_is_stopped(program):
    cluster = Faked([program("gcs_server"), program("haproxy")])
    proxy = cluster.living[1]
    stay(cluster, lambda: None, Ending(drain_s=10, sleep=Clock(sent(signal.SIGTERM)).sleep))
    assert cluster.stops == 1
    # SIGUSR1, by which HAProxy finishes what it has; `sleep` ends by it.
    assert proxy.wait(10) == -signal.SIGUSR1


def test_signals_are_taken_as_before_once_it_is_over(program):
    before = signal.getsignal(signal.SIGTERM)
    stay(Faked([program("gcs_server")]), lambda: None, Clock(sent(signal.SIGINT)).ending())
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_interrupts_that_and_stops_what_is_there(number):
    cluster = Faked()
    reached = []

    def begin():
        signal.raise_signal(number)
        reached.append("end")

    stay(cluster, begin, Clock().ending())
    assert (cluster.stops, reached) == (1, [])


def test_where_it_cannot_begin_nothing_is_left():
    cluster = Faked()

    def begin():
        raise ServerFault("Ray did not start")

    with pytest.raises(ServerFault, match="did not start"):
        stay(cluster, begin, Clock().ending())
    assert cluster.stops == 1


def test_the_end_of_its_head_is_said_and_the_rest_is_stopped(program):
    cluster = Faked([program("gcs_server")])

    def end():
        cluster.living[0].kill()
        cluster.living[0].wait()

    with pytest.raises(ServerFault, match="head of this cluster ended by itself"):
        stay(cluster, lambda: None, Clock(end).ending())
    assert cluster.stops == 1


def test_what_runs_already_is_not_ended_with_somebody_else():
    cluster = Faked(running="somebody's")
    with pytest.raises(Conflict, match="runs already"):
        stay(cluster, lambda: pytest.fail("begun"), Clock().ending())
    assert cluster.stops == 0


def test_a_node_that_joined_hands_over_before_its_proxy_ends(program):
    cluster = Faked([program("raylet"), program("haproxy")])
    proxy = cluster.living[1]
    lived = []
    kind = Kind("raylet", "its Ray ended", lambda: lived.append(living(proxy)))
    clock = Clock(sent(signal.SIGTERM))
    stay(cluster, lambda: None, Ending(drain_s=10, sleep=clock.sleep), kind=kind)
    assert lived == [True]
    assert proxy.wait(10) == -signal.SIGUSR1
    assert cluster.stops == 1


def test_a_node_whose_ray_ended_hands_nothing_over(program):
    cluster = Faked([program("gcs_server")])
    kind = Kind("raylet", "its Ray ended", lambda: pytest.fail("handed over"))
    with pytest.raises(ServerFault, match="its Ray ended"):
        stay(cluster, lambda: None, Clock().ending(), kind=kind)


def test_a_node_that_joined_already_is_not_ended_with_somebody_else():
    cluster = Faked()
    cluster.joined = True
    with pytest.raises(Conflict, match="runs already"):
        stay(cluster, lambda: pytest.fail("begun"), Clock().ending())
    assert cluster.stops == 0


def test_it_answers_on_for_the_time_of_leaving_before_it_drains(program):
    clock = Clock()
    proxy = program("haproxy")
    lived = []

    def sleep(seconds):
        lived.append(living(proxy))
        clock.sleep(seconds)

    finish(lambda: [proxy], Signals(), Ending(leave_s=3, drain_s=2, clock=clock, sleep=sleep))
    assert lived[:15] == [True] * 15
    assert clock.now_s >= 3
    assert proxy.wait(10) == -signal.SIGUSR1


def test_who_asks_twice_or_presses_ctrl_c_does_not_wait_for_load_balancers(program):
    clock = Clock()
    signals = Signals()
    signals.urgent = True
    finish(list, signals, clock.ending(leave_s=60))
    assert clock.now_s == 0


def test_what_has_not_finished_in_time_is_cut_off(program):
    """As a request that takes longer than the drain."""
    clock = Clock()
    proxy = program("haproxy", ignores="USR1")
    assert finish(lambda: [proxy], Signals(), clock.ending(drain_s=4)) == 1
    assert 4 <= clock.now_s < 5
    assert living(proxy)


def test_processes_are_known_by_their_program_and_those_that_are_gone_are_none(program):
    proxy, gone = program("haproxy"), program("haproxy")
    gone.kill()
    gone.wait()
    assert named([proxy, gone, psutil.Process()], "haproxy") == [proxy]


def test_a_real_node_is_stopped_with_what_bears_its_mark(program, tmp_path):
    cluster = Cluster(tmp_path / "state")
    head = []

    def begin():
        head.append(program("gcs_server", {MARK_VARIABLE: str(cluster._folder)}))

    stay(cluster, begin, Clock(sent(signal.SIGTERM)).ending())
    assert not living(head[0])


def living(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


class Keeping:
    """Looks after a cluster for so many steps, and then knows that somebody stopped it."""

    def __init__(self, count, mends=False):
        self.left, self.is_mending = count, mends

    def step(self):
        self.left -= 1
        if self.is_mending and self.left == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return self.left > 0


def test_who_looks_after_a_cluster_is_called_until_somebody_stops_it():
    clock, cluster, keeper = Clock(), Faked(), Keeping(3)
    stay(cluster, lambda: None, clock.ending(), lambda: keeper)
    assert (keeper.left, cluster.stops) == (0, 1)


def test_a_signal_ends_it_in_the_middle_of_bringing_the_cluster_back():
    clock, cluster, keeper = Clock(), Faked(), Keeping(5, mends=True)
    stay(cluster, lambda: None, clock.ending(leave_s=9.0), lambda: keeper)
    assert (keeper.left, cluster.stops) == (2, 1)
    # Nothing answers that could be let finish.
    assert clock.now_s < 1.0


def test_a_signal_while_all_is_well_lets_requests_finish():
    clock = Clock(lambda: os.kill(os.getpid(), signal.SIGTERM))
    cluster, keeper = Faked(), Keeping(5)
    stay(cluster, lambda: None, clock.ending(leave_s=9.0), lambda: keeper)
    assert keeper.left == 4
    assert cluster.stops == 1
    assert clock.now_s >= 9.0
