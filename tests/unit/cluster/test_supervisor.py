"""A cluster comes back when what nobody else starts again has ended."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import psutil
import pytest
import yaml

from serve_app.cluster import commands, members, supervisor
from serve_app.cluster.edge.options import EdgeOptions, Tls
from serve_app.cluster.environment import Ports
from serve_app.cluster.kept_config import KeptConfig
from serve_app.cluster.node import Cluster
from serve_app.cluster.options import NodeOptions, read_options, write_options
from serve_app.cluster.supervision import (
    Supervision,
    end_supervisors,
    read_supervision,
    require_unsupervised,
    write_supervision,
)
from serve_app.cluster.supervisor import EMPTY_FOR_S, Supervisor, Times
from serve_app.errors import NotReady, ServerFault
from tests.clocks import Clock

CONFIG = {"applications": [{"name": "gateway"}], "http_options": {"port": 8000}}
PROGRAMS = {
    "gcs": "gcs/gcs_server",
    "raylet": "raylet/raylet",
    "dashboard": "dashboard/dashboard.py",
    "controller": "ray::ServeController",
}


class Dashboard:
    """What Serve tells and was given."""

    def __init__(self):
        self.applications = {"gateway": {"status": "RUNNING", "deployed_app_config": 1}}
        self.given = []
        self.refuses = False

    def serve_details(self, *, timeout_s):
        return {"applications": self.applications}

    def get(self, path, *, timeout_s):
        assert path == "/api/cluster_status"
        if self.refuses:
            raise NotReady("the head starts")
        return {}

    def put_config(self, config):
        if self.refuses:
            raise NotReady("Serve starts")
        self.given.append(config)


class Running:
    def __init__(self, dashboard):
        self.dashboard = dashboard
        self.http_url = "http://127.0.0.1:1"


def children():
    """The living children of this process that stand for Ray's: others have children too."""
    standing = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if set(child.cmdline()) & set(PROGRAMS.values()):
                standing.append(child)
    return standing


class Faked:
    """Stands for a cluster whose processes sleep; each start makes new ones."""

    def __init__(self, folder):
        self.folder = folder
        self.started = folder / "started.json"
        self.supervision = folder / "supervision.json"
        self.dashboard = Dashboard()
        self.living = {}
        self.others = []
        self.restarts = []
        self.failures = []
        write_options(self.started, NodeOptions(ports=Ports(first=20_000), home=folder))

    def begin(self):
        for name, program in PROGRAMS.items():
            self.living[name] = self.program(program)

    def keep_the_head(self, **where):
        """Let the head keep what it knows."""
        self.kill("gcs")
        self.living["gcs"] = self.program(PROGRAMS["gcs"], **where)

    def program(self, title, *options, **variables):
        """A process that sleeps, with this title or as this program."""
        code = "import time; print(1, flush=True); time.sleep(60)"
        is_actor = title.startswith(("ray::", "ray-"))
        words = [title, "-c", code] if is_actor else [sys.executable, "-c", code, title, *options]
        process = subprocess.Popen(
            words, executable=sys.executable, stdout=subprocess.PIPE, cwd=self.folder,
            env={**os.environ, **variables},
        )  # fmt: skip
        process.stdout.readline()
        return process

    def processes(self):
        every = (*self.living.values(), *self.others)
        found = [psutil.Process(one.pid) for one in every if one.poll() is None]
        known = {one.pid for one in every}
        # What is started in the place of one that ended is of the cluster too.
        return [*found, *(one for one in children() if one.pid not in known)]

    def restart(self, options):
        self.restarts.append(options)
        if self.failures:
            raise self.failures.pop(0)
        self.kill(*self.living)
        self.begin()
        return Running(self.dashboard)

    def running(self):
        return Running(self.dashboard)

    require = running

    def kill(self, *names):
        for name in names:
            self.living[name].kill()
            self.living[name].wait()
            self.living[name].stdout.close()


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    faked = Faked(tmp_path)
    faked.begin()
    monkeypatch.setattr(supervisor.web, "text", lambda url, **_: "")
    yield faked
    for child in children():
        child.kill()
    for process in (*faked.living.values(), *faked.others):
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def clock():
    return Clock(1000.0)


def config_of(details):
    return {**CONFIG, "applications": CONFIG["applications"] if details["applications"] else []}


@contextmanager
def supervising(cluster, clock):
    made = Supervisor(cluster, KeptConfig(cluster.folder), config_of, Times(clock, lambda: 5.0))
    assert made.step()
    yield made
    for process in made._begun:
        process.kill()
        process.wait()


@pytest.fixture
def keeper(cluster, clock):
    with supervising(cluster, clock) as made:
        yield made


def steps(keeper, clock, count, each_s=0.5):
    for _ in range(count):
        assert keeper.step()
        clock.now_s += each_s


@pytest.mark.parametrize(("name", "called"), [("gcs", "GCS"), ("raylet", "raylet")])
def test_a_cluster_whose_head_or_raylet_dies_comes_back_with_what_was_deployed(
    cluster, keeper, clock, name, called
):
    assert not keeper.is_mending
    cluster.kill(name)
    steps(keeper, clock, 1)
    assert keeper.is_mending
    assert read_supervision(cluster.supervision).phase == "restarting"
    steps(keeper, clock, 2)
    assert cluster.restarts == [NodeOptions(ports=Ports(first=20_000), home=cluster.folder)]
    assert cluster.dashboard.given == [CONFIG]
    told = read_supervision(cluster.supervision)
    assert (told.phase, told.restarts, told.last_at_s, told.pid) == (
        "watching",
        1,
        5.0,
        os.getpid(),
    )
    assert called in told.last_why
    assert told.last_took_s == 0.5
    assert not keeper.is_mending


STORES = [{"RAY_gcs_storage": "rocksdb"}, {"RAY_REDIS_ADDRESS": "127.0.0.1:6379"}]


@pytest.fixture(params=STORES, ids=["rocksdb", "redis"])
def kept_head(cluster, clock, request):
    """A supervisor of a cluster whose head keeps what it knows."""
    cluster.keep_the_head(**request.param)
    with supervising(cluster, clock) as made:
        yield made


def running(cluster, name):
    """The one process of a name, as soon as it can be told from what it was before it began."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for one in cluster.processes():
            with suppress(psutil.Error):
                if PROGRAMS[name] in one.cmdline():
                    return one
    pytest.fail(f"no {name}")


def head(cluster):
    return running(cluster, "gcs")


def test_a_head_that_keeps_what_it_knows_is_started_again_alone(cluster, kept_head, clock, request):
    where = request.node.callspec.params["kept_head"]
    command = head(cluster).cmdline()
    cluster.kill("gcs")
    cluster.dashboard.refuses = True
    steps(kept_head, clock, 2)
    after = head(cluster)
    steps(kept_head, clock, 1)
    assert kept_head.is_mending
    assert after.cmdline() == command
    assert {**after.environ(), **where} == after.environ()
    cluster.dashboard.refuses = False
    steps(kept_head, clock, 1)
    assert not kept_head.is_mending
    assert (cluster.restarts, cluster.dashboard.given) == ([], [])
    known = read_supervision(cluster.supervision)
    assert (known.phase, known.restarts, known.trouble) == ("watching", 1, None)
    assert known.last_why == "Ray's head (GCS) ended"


def test_a_head_that_does_not_answer_alone_is_started_with_all_else(cluster, kept_head, clock):
    cluster.kill("gcs")
    cluster.dashboard.refuses = True
    steps(kept_head, clock, 2)
    head(cluster)
    steps(kept_head, clock, 59)
    assert len(cluster.restarts) == 0
    steps(kept_head, clock, 3)
    assert len(cluster.restarts) == 1
    cluster.dashboard.refuses = False
    steps(kept_head, clock, 4)
    assert cluster.dashboard.given == [CONFIG]
    assert "is not back alone" in read_supervision(cluster.supervision).last_why


def test_a_head_that_cannot_begin_yet_is_started_until_it_can(cluster, kept_head, clock):
    cluster.kill("gcs")
    cluster.dashboard.refuses = True
    for _ in range(4):
        steps(kept_head, clock, 2)
        failing = head(cluster)
        failing.kill()
        failing.wait()
    steps(kept_head, clock, 2)
    head(cluster)
    cluster.dashboard.refuses = False
    steps(kept_head, clock, 1)
    assert not kept_head.is_mending
    assert cluster.restarts == []
    assert read_supervision(cluster.supervision).restarts == 1


def test_a_head_that_stands_still_is_ended_before_the_next_one_begins(cluster, kept_head, clock):
    before = head(cluster)
    before.suspend()
    wait_for_status(before.pid, psutil.STATUS_STOPPED)
    steps(kept_head, clock, 4)
    clock.now_s += members.STOPPED_S
    steps(kept_head, clock, 2)
    assert not kept_head.is_mending
    assert not before.is_running() or before.status() == psutil.STATUS_ZOMBIE
    assert (head(cluster).pid != before.pid, cluster.restarts) == (True, [])


@pytest.mark.parametrize(("after_s", "restarts"), [(8.0, 1), (12.0, 0)])
def test_a_head_that_ends_again_soon_is_started_with_all_else(
    cluster, kept_head, clock, after_s, restarts
):
    cluster.kill("gcs")
    steps(kept_head, clock, 2)
    assert not kept_head.is_mending
    second = head(cluster)
    clock.now_s += after_s
    second.kill()
    second.wait()
    steps(kept_head, clock, 4)
    assert len(cluster.restarts) == restarts


@pytest.fixture
def node(cluster, clock):
    """A supervisor of a cluster whose raylet was started as Ray starts it, with what is below."""
    cluster.kill("raylet")
    options = (
        "--node_id=0a1b",
        f"--raylet_socket_name={cluster.folder / 'raylet.sock'}",
        "--of=0a1b",
    )
    of_haproxy = cluster.folder / "p" / "0a1b"
    of_haproxy.mkdir(parents=True)
    (of_haproxy / "current").write_text("12")
    cluster.living["raylet"] = cluster.program(
        PROGRAMS["raylet"], *options,
        RAY_SERVE_HAPROXY_CONFIG_FILE_LOC=str(cluster.folder / "p" / "haproxy.cfg"),
    )  # fmt: skip
    (cluster.folder / "raylet.sock").touch()
    for title in (
        "ray::ServeReplica:gateway:Gateway", "ray-dashboard-ServeHead-0", "haproxy",
        "dashboard/agent.py",
    ):  # fmt: skip
        cluster.others.append(cluster.program(title))
    with supervising(cluster, clock) as made:
        steps(made, clock, 1)
        yield made


def next_controller(cluster):
    """What Ray does on a raylet that is new."""
    cluster.living["controller"].wait()
    cluster.living["controller"].stdout.close()
    cluster.living["controller"] = cluster.program(PROGRAMS["controller"])


def test_a_raylet_is_started_again_alone_as_another_node(cluster, node, clock):
    replica, driver, proxy, agent = cluster.others
    cluster.kill("raylet")
    steps(node, clock, 2)
    words = running(cluster, "raylet").cmdline()
    (given,) = [word for word in words if word.startswith("--node_id=")]
    fresh = given.removeprefix("--node_id=")
    assert len(bytes.fromhex(fresh)) == 28
    assert f"--of={fresh}" in words
    assert not (cluster.folder / "raylet.sock").exists()
    assert [one.poll() is None for one in (replica, driver, proxy, agent)] == [
        False, False, True, False,
    ]  # fmt: skip
    assert (cluster.living["gcs"].poll(), cluster.living["dashboard"].poll()) == (None, None)
    steps(node, clock, 2)
    assert node.is_mending
    next_controller(cluster)
    steps(node, clock, 2)
    assert not node.is_mending
    assert (cluster.restarts, cluster.dashboard.given) == ([], [])
    assert node.supervision.last_why == "Ray's raylet ended"


def test_haproxy_of_the_next_raylet_finds_the_one_that_runs(cluster, node, clock):
    cluster.kill("raylet")
    steps(node, clock, 2)
    words = running(cluster, "raylet").cmdline()
    (fresh,) = [one.partition("=")[2] for one in words if one.startswith("--node_id=")]
    assert [one.name for one in (cluster.folder / "p").iterdir()] == [fresh]
    assert (cluster.folder / "p" / fresh / "current").read_text() == "12"


def test_a_raylet_is_back_once_everything_answers_that_was_deployed(cluster, node, clock):
    cluster.dashboard.applications = {"gateway": {"status": "DEPLOYING"}}
    cluster.kill("raylet")
    steps(node, clock, 2)
    next_controller(cluster)
    steps(node, clock, 200)
    assert node.is_mending
    cluster.dashboard.applications = {"gateway": {"status": "RUNNING"}}
    steps(node, clock, 1)
    assert not node.is_mending
    assert (cluster.restarts, cluster.dashboard.given) == ([], [])


def test_a_raylet_on_which_serve_does_not_come_back_is_started_with_all_else(cluster, node, clock):
    cluster.kill("raylet")
    steps(node, clock, 100)
    assert cluster.restarts == []
    steps(node, clock, 25)
    assert len(cluster.restarts) == 1
    assert cluster.dashboard.given == [CONFIG]
    assert "is not back alone" in node.supervision.last_why


def test_a_raylet_that_ends_again_is_started_with_all_else(cluster, node, clock):
    cluster.kill("raylet")
    steps(node, clock, 2)
    second = running(cluster, "raylet")
    clock.now_s += 2.0
    second.kill()
    second.wait()
    steps(node, clock, 6)
    assert len(cluster.restarts) == 1
    assert "and then Ray's raylet" in node.supervision.last_why


def test_a_raylet_below_a_head_that_returned_is_started_with_all_else(cluster, node, clock):
    cluster.keep_the_head(RAY_gcs_storage="rocksdb")
    steps(node, clock, 3)
    cluster.kill("gcs")
    steps(node, clock, 2)
    assert (node.is_mending, cluster.restarts) == (False, [])
    clock.now_s += 600.0
    cluster.kill("raylet")
    steps(node, clock, 4)
    assert len(cluster.restarts) == 1


def test_a_head_that_ends_beside_its_raylet_is_started_with_all_else(cluster, node, clock):
    cluster.kill("raylet")
    steps(node, clock, 2)
    cluster.kill("gcs")
    steps(node, clock, 6)
    assert len(cluster.restarts) == 1


def test_what_was_deployed_later_is_what_comes_back(cluster, keeper, clock):
    newer = {"applications": [{"name": "gateway", "args": {"x": 1}}]}
    keeper._config_of = lambda details: newer
    steps(keeper, clock, 6)
    cluster.kill("gcs")
    steps(keeper, clock, 3)
    assert cluster.dashboard.given == [newer]
    assert yaml.safe_load((cluster.folder / "deployed.yaml").read_text()) == newer
    assert (cluster.folder / "deployed.yaml").stat().st_mode & 0o777 == 0o600


def test_a_serve_that_knows_nothing_for_a_moment_loses_nothing(cluster, keeper, clock):
    cluster.dashboard.applications = {}
    steps(keeper, clock, int(EMPTY_FOR_S) // 2, 1.0)
    assert KeptConfig(cluster.folder).read() == CONFIG
    steps(keeper, clock, int(EMPTY_FOR_S), 1.0)
    # Somebody deployed nothing, and means it.
    assert KeptConfig(cluster.folder).read() is None


def test_it_is_tried_until_it_succeeds_ever_later(cluster, keeper, clock):
    cluster.kill("gcs")
    cluster.failures = [ServerFault("Ray did not start"), ServerFault("nor now")]
    steps(keeper, clock, 2, 0.0)
    assert read_supervision(cluster.supervision).trouble == "Ray did not start"
    steps(keeper, clock, 3, 0.0)
    assert len(cluster.restarts) == 1
    steps(keeper, clock, 8)
    assert len(cluster.restarts) == 3
    assert read_supervision(cluster.supervision).trouble is None


def test_a_serve_that_is_not_there_yet_is_given_the_config_again_and_ray_is_left_alone(
    cluster, keeper, clock
):
    cluster.dashboard.refuses = True
    cluster.kill("raylet")
    steps(keeper, clock, 4)
    assert keeper.supervision.phase == "deploying"
    assert keeper.supervision.trouble == "Serve starts"
    cluster.dashboard.refuses = False
    steps(keeper, clock, 20)
    assert len(cluster.restarts) == 1
    assert cluster.dashboard.given == [CONFIG]


def test_it_is_back_once_every_application_runs_and_not_before(cluster, keeper, clock):
    cluster.dashboard.applications = {"gateway": {"status": "DEPLOYING"}}
    cluster.kill("gcs")
    steps(keeper, clock, 6)
    assert keeper.is_mending
    cluster.dashboard.applications = {"gateway": {"status": "RUNNING"}}
    steps(keeper, clock, 1)
    assert not keeper.is_mending
    assert len(cluster.dashboard.given) == 1


def test_one_that_dies_again_while_it_comes_back_is_started_again(cluster, keeper, clock):
    cluster.dashboard.applications = {"gateway": {"status": "DEPLOYING"}}
    cluster.kill("gcs")
    steps(keeper, clock, 3)
    cluster.kill("raylet")
    steps(keeper, clock, 6)
    assert len(cluster.restarts) == 2
    assert "and then Ray's raylet" in keeper.supervision.last_why


def test_a_dashboard_that_dies_is_started_again_alone(cluster, keeper, clock):
    before = psutil.Process(cluster.living["dashboard"].pid)
    command, folder = before.cmdline(), before.cwd()
    cluster.kill("dashboard")
    steps(keeper, clock, 2)
    assert running(cluster, "dashboard").cmdline() == command
    steps(keeper, clock, 2)
    started = [one for one in children() if one.cmdline() == command and one != before]
    assert [(one.cmdline(), one.cwd()) for one in started] == [(command, folder)]
    steps(keeper, clock, 10)
    assert cluster.restarts == []
    assert not keeper.is_mending


def test_a_head_that_stands_still_counts_as_dead_after_a_while(cluster, keeper, clock):
    os.kill(cluster.living["gcs"].pid, signal.SIGSTOP)
    wait_for_status(cluster.living["gcs"].pid, psutil.STATUS_STOPPED)
    steps(keeper, clock, 4)
    assert cluster.restarts == []
    clock.now_s += members.STOPPED_S
    steps(keeper, clock, 3)
    assert len(cluster.restarts) == 1


def test_a_controller_that_stands_still_is_ended_so_that_ray_starts_it_again(
    cluster, keeper, clock
):
    stopped = cluster.living["controller"]
    os.kill(stopped.pid, signal.SIGSTOP)
    wait_for_status(stopped.pid, psutil.STATUS_STOPPED)
    steps(keeper, clock, 4, 1.0)
    assert stopped.poll() is None
    steps(keeper, clock, 12, 1.0)
    assert stopped.wait(10) == -signal.SIGKILL
    assert cluster.restarts == []


def test_a_serve_without_controller_is_deployed_again_where_replicas_are_left(
    cluster, keeper, clock
):
    cluster.kill("controller")
    steps(keeper, clock, 40, 1.0)
    # Somebody shut Serve down.
    assert cluster.dashboard.given == []
    cluster.others.append(cluster.program("ray::ServeReplica:gateway:Gateway"))
    steps(keeper, clock, 10, 1.0)
    assert cluster.dashboard.given == [CONFIG]
    assert cluster.restarts == []


def test_a_cluster_that_somebody_stops_is_left_alone(cluster, keeper, clock):
    cluster.started.unlink()
    cluster.kill("gcs", "raylet")
    assert not keeper.step()
    assert cluster.restarts == []


def test_one_that_is_stopped_while_it_comes_back_is_left_alone(cluster, keeper, clock):
    cluster.kill("gcs")
    steps(keeper, clock, 1)

    def stopped(_):
        cluster.started.unlink()
        raise NotReady("the cluster was stopped")

    cluster.restart = stopped
    assert not keeper.step()


def test_nobody_else_starts_what_is_brought_back(cluster, keeper):
    require_unsupervised(cluster.supervision)
    other = cluster.program("serve-app")
    cluster.others.append(other)
    began_s = psutil.Process(other.pid).create_time()
    write_supervision(
        cluster.supervision, Supervision(other.pid, began_s, last_why="the GCS ended")
    )
    with pytest.raises(NotReady, match=r"supervisor brings it back \(the GCS ended\)"):
        require_unsupervised(cluster.supervision)


def test_a_supervisor_that_died_is_not_known(cluster, keeper):
    text = cluster.supervision.read_text()
    cluster.supervision.write_text(text.replace(f'"pid": {os.getpid()}', '"pid": 99999999'))
    assert read_supervision(cluster.supervision) is None
    require_unsupervised(cluster.supervision)
    cluster.supervision.write_text("{")
    assert read_supervision(cluster.supervision) is None


def test_how_a_cluster_was_started_comes_back_whole(tmp_path):
    edge = EdgeOptions(
        ("10.0.0.0/8",),
        ("*.example.com",),
        7,
        tls=Tls(tmp_path / "c", tmp_path / "k", minimum="1.3"),
    )
    options = NodeOptions(
        ports=Ports(http=1, dashboard=2, first=3, prometheus=4),
        home=tmp_path,
        cpus=3,
        drain_s=1.5,
        autoscaling_config=tmp_path / "a",
        no_token=True,
        edge=edge,
    )
    write_options(tmp_path / "started.json", options)
    assert read_options(tmp_path / "started.json") == options
    (tmp_path / "started.json").write_text("{}")
    with pytest.raises(NotReady, match="--supervise"):
        read_options(tmp_path / "started.json")


def wait_for_status(pid, status):
    deadline_s = time.monotonic() + 20
    while psutil.Process(pid).status() != status:
        assert time.monotonic() < deadline_s


def test_who_supervises_is_of_the_cluster_and_is_ended_before_anything_else(tmp_path, monkeypatch):
    program = tmp_path / "serve-app"
    program.write_text(f'#!/bin/sh\npwd > {tmp_path}/where\nsleep 60 & wait "$!" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(commands, "script", lambda _: str(program))
    real = Cluster(tmp_path / "state")
    (tmp_path / "home").mkdir()
    commands.start_supervisor(tmp_path / "state", str(real._folder), tmp_path / "home")
    deadline_s = time.monotonic() + 20
    while not (tmp_path / "where").exists() or len(real.processes()) < 2:
        assert time.monotonic() < deadline_s
    assert (tmp_path / "where").read_text().strip() == str(tmp_path / "home")
    assert end_supervisors(real.processes()) == 1
    # What it has started is ended with the cluster.
    assert real.stop() == 1


def test_a_cluster_that_was_stopped_in_the_middle_of_a_restart_does_not_come_back(
    tmp_path, monkeypatch
):
    real = Cluster(tmp_path / "state")
    options = NodeOptions(ports=Ports(), home=tmp_path)
    monkeypatch.setattr(Cluster, "_start_head", lambda *_: "running")
    ended = []
    monkeypatch.setattr(Cluster, "_end", lambda *_, at_once=False: ended.append(at_once) or 0)
    (tmp_path / "state").mkdir()
    write_options(real.started, options)
    assert real.restart(options) == "running"
    real.started.unlink()
    with pytest.raises(NotReady, match="was stopped while it was brought back"):
        real.restart(options)
    assert ended == [True, True, False]
    assert not real.started.exists()
