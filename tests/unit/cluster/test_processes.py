"""What belongs to a cluster is what it started, whatever else has to do with its files."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from serve_app.cluster import processes
from serve_app.cluster.processes import belongs, end_all, of_cluster

PRINT_CHILD = (
    "import subprocess, sys; child = subprocess.Popen(['sleep', '60'], env={}); "
    "print(child.pid, flush=True); "
)
WAIT = PRINT_CHILD + "child.wait()"


@pytest.fixture
def folder(tmp_path):
    """The folder of a cluster, with a log file in it."""
    made = tmp_path / "cluster"
    made.mkdir()
    (made / "gcs.log").write_text("started\n")
    return made


@pytest.fixture
def start():
    """Starts plain processes, and ends those that are left when the test is over."""
    started = []

    def start(*command, mark=None, **options):
        environment = {k: v for k, v in os.environ.items() if k != "SERVE_APP_CLUSTER"}
        if mark is not None:
            environment["SERVE_APP_CLUSTER"] = str(mark)
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE, **options
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def child_of(process):
    """The process that one says that it has started."""
    return int(process.stdout.readline())


def pids(folder, session=0):
    return {process.pid for process in of_cluster(str(folder), session)}


def end(folder, session=0):
    return end_all(lambda: of_cluster(str(folder), session))


def test_what_only_has_to_do_with_its_files_survives(folder, start, tmp_path):
    log = folder / "gcs.log"
    strangers = [
        start("tail", "-f", str(log)),
        start(sys.executable, "-c", "input()", f"--edit={folder}/haproxy.cfg", str(folder)),
        start("sh", "-c", "read line", cwd=folder),
        start("sleep", "60", mark=tmp_path / "another"),
        start("sleep", "60", mark=f"{folder}-2"),
    ]
    own = start("sleep", "60", mark=folder)
    assert pids(folder) == {own.pid}
    assert end(folder) == 1
    assert own.wait(5) is not None
    assert [stranger.poll() for stranger in strangers] == [None] * len(strangers)


def test_what_its_processes_started_with_another_environment_is_its_own(folder, start):
    parent = start(sys.executable, "-c", WAIT, mark=folder)
    child = child_of(parent)
    assert pids(folder) == {parent.pid, child}
    assert end(folder) == 2
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_another_cluster_that_was_started_from_within_is_its_own_masters(folder, start, tmp_path):
    other = tmp_path / "other"
    script = (
        "import os, subprocess; "
        f"child = subprocess.Popen(['sleep', '60'], env={{'SERVE_APP_CLUSTER': '{other}'}}); "
        "print(child.pid, flush=True); child.wait()"
    )
    parent = start(sys.executable, "-c", script, mark=folder)
    child = child_of(parent)
    assert pids(folder) == {parent.pid}
    end(folder)
    assert pids(other) == {child}
    end(other)


def test_an_orphan_is_known_by_the_session_while_a_marked_process_is_in_it(folder, start):
    leader = start(sys.executable, "-c", PRINT_CHILD, mark=folder, start_new_session=True)
    orphan = child_of(leader)
    leader.wait(5)
    try:
        # Nobody marked is left: the number may have been given to somebody else's session.
        assert pids(folder, leader.pid) == set()
        member = start("sleep", "60", mark=folder)
        assert pids(folder, leader.pid) == {member.pid}
        assert pids(folder, os.getsid(0)) >= {member.pid}
    finally:
        os.kill(orphan, 9)


def test_the_session_of_a_marked_process_is_searched(folder, start):
    script = (
        "import os, subprocess; os.setsid(); "
        "marked = subprocess.Popen(['sleep', '60']); "
        "bare = subprocess.Popen(['sleep', '60'], env={}); "
        "print(os.getpid(), marked.pid, bare.pid, flush=True)"
    )
    gone = start(sys.executable, "-c", script, mark=folder)
    session, marked, bare = map(int, gone.stdout.readline().split())
    gone.wait(5)
    assert pids(folder) == {marked}
    assert pids(folder, session) == {marked, bare}
    assert end(folder, session) == 2


def test_a_number_that_another_process_has_got_since_is_left_alone(start, monkeypatch):
    stranger = start("sleep", "60")
    former = psutil.Process(stranger.pid)
    monkeypatch.setattr(former, "_create_time", former.create_time() - 100)
    former._ident = (former.pid, former.create_time())
    assert end_all(lambda: [former]) == 1
    assert stranger.poll() is None


def test_what_does_not_end_when_it_is_asked_is_ended(folder, start, monkeypatch):
    monkeypatch.setattr(processes, "TERM_PATIENCE_S", 0.2)
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print(0, flush=True); time.sleep(60)"
    )
    stubborn = start(sys.executable, "-c", script, mark=folder)
    child_of(stubborn)
    assert end(folder) == 1
    assert not psutil.pid_exists(stubborn.pid)


def test_this_process_is_none_of_those_that_are_ended(monkeypatch):
    mark = psutil.Process().environ().get("SERVE_APP_CLUSTER", "")
    assert os.getpid() not in pids(mark)


def test_a_process_says_whose_it_is(folder, start):
    own = psutil.Process(start("sleep", "60", mark=folder).pid)
    deadline = time.monotonic() + 5
    while not belongs(own, str(folder)) and time.monotonic() < deadline:
        pass
    assert belongs(own, str(folder))
    assert not belongs(own, str(folder.parent))
