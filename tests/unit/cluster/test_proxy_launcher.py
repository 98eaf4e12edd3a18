"""HAProxy as our launcher runs it: no side doors, and another one where it dies."""

import contextlib
import http.server
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from serve_app.cluster.commands import haproxy
from serve_app.cluster.edge.files import write_edge
from serve_app.cluster.edge.options import EdgeOptions
from serve_app.cluster.environment import Ports
from serve_app.cluster.proxy_launcher import (
    LAUNCHER,
    is_watcher,
    remove_files_elsewhere,
    write_proxy_launcher,
)
from tests.ports import free_port

TEMPLATE = """\
global
    stats socket /tmp/admin.sock mode 666 level admin
defaults
    mode http
frontend http_frontend
    bind *:8000
frontend prometheus
    bind :9101
listen stats
  bind *:8404
"""


def test_a_node_that_a_process_of_another_one_starts_runs_haproxy_itself(tmp_path, monkeypatch):
    binary = haproxy()
    write_proxy_launcher(tmp_path, binary, Ports())
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(tmp_path / LAUNCHER))
    assert haproxy() == binary
    own = tmp_path / "a haproxy"
    shutil.copy(binary, own)
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(own))
    write_proxy_launcher(tmp_path, haproxy(), Ports())
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(tmp_path / LAUNCHER))
    assert haproxy() == str(own)


def processes_of(folder):
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(one.cwd()) == folder or str(folder) in " ".join(one.cmdline()):
                yield one


def end_processes_of(folder):
    """Watchers first: they would start others."""
    for watchers_alone in (True, False):
        for process in list(processes_of(folder)):
            with contextlib.suppress(psutil.Error):
                if is_watcher(process) or not watchers_alone:
                    process.kill()


@pytest.fixture
def launched(tmp_path):
    """The configuration as HAProxy reads it, after Serve has run our launcher."""
    seen = tmp_path / "seen"
    binary = tmp_path / "a haproxy"
    # Its watcher starts a stand-in as soon as it ends: what that one reads is not kept.
    binary.write_text(f'#!/bin/sh\n[ -e {seen} ] || cat "$3" > {seen}\n')
    binary.chmod(0o755)
    write_edge(tmp_path, EdgeOptions(), "secret")
    write_proxy_launcher(tmp_path, str(binary), Ports())
    (tmp_path / "haproxy.cfg").write_text(TEMPLATE)
    launcher = tmp_path / "haproxy.sh"
    command = [str(launcher), "-db", "-f", str(tmp_path / "haproxy.cfg")]
    subprocess.run(command, check=True, timeout=20)
    assert stat.S_IMODE(launcher.stat().st_mode) & stat.S_IXUSR
    yield seen.read_text()
    end_processes_of(tmp_path)


def test_statistics_and_metrics_are_for_this_machine_alone(launched):
    assert "bind 127.0.0.1:8404" in launched
    assert "bind 127.0.0.1:9101" in launched
    assert "*:8404" not in launched


def test_clients_are_served_where_the_config_says(launched):
    assert "    bind *:8000" in launched


def test_nobody_else_on_the_machine_may_administer_the_proxy(launched):
    assert "mode 600 level admin" in launched
    assert "666" not in launched


def test_slow_headers_do_not_hold_a_connection_for_ever(launched):
    assert "defaults\n    timeout http-request 10s\n" in launched
    assert "    option http-ignore-probes\n" in launched


def test_rules_of_the_edge_stand_first_on_the_main_port_alone(launched):
    lines = [line.strip() for line in launched.splitlines()]
    at = lines.index("bind *:8000")
    assert lines[at + 1] == "acl edge_health path /-/healthz"
    assert sum("x-serve-app-edge secret" in line for line in lines) == 1
    assert lines.index("frontend prometheus") > lines.index(
        "http-request set-header x-serve-app-edge secret"
    )


def test_nothing_is_started_where_the_rules_of_the_edge_have_no_place(tmp_path):
    write_edge(tmp_path, EdgeOptions(), "secret")
    write_proxy_launcher(tmp_path, "/bin/true", Ports())
    config = tmp_path / "haproxy.cfg"
    config.write_text(TEMPLATE.replace("http_frontend", "another"))
    command = [str(tmp_path / "haproxy.sh"), "-db", "-f", str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "no frontend http_frontend for the rules of the edge" in done.stderr


@pytest.mark.parametrize("head_is_here", [False, True])
def test_what_lies_below_the_folder_of_a_head_elsewhere_goes_with_the_node(tmp_path, head_is_here):
    node, head = tmp_path / "node", tmp_path / "sa-head"
    place = head / "p" / "number"
    for folder in (node, place):
        folder.mkdir(parents=True)
    write_edge(node, EdgeOptions(), "secret")
    write_proxy_launcher(node, "/bin/true", Ports())
    config = place / "haproxy.cfg"
    config.write_text(TEMPLATE)
    subprocess.run([node / LAUNCHER, "-db", "-f", config], check=True, timeout=20)
    end_processes_of(place)
    if head_is_here:
        (head / "ray").mkdir()
    remove_files_elsewhere(node)
    assert not place.exists()
    assert head.exists() == head_is_here
    remove_files_elsewhere(tmp_path / "nothing")


@pytest.mark.parametrize("place", ["other/p/number", "sa-head/number", "sa-head/ray/number"])
def test_what_is_no_folder_of_a_proxy_stays_whoever_noted_it(place, tmp_path):
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / "elsewhere").write_text(f"{tmp_path / place}\n")
    remove_files_elsewhere(tmp_path)
    assert (tmp_path / place).is_dir()


CONFIG = """\
global
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend prometheus
    bind :{metrics}
frontend http_frontend
    bind 127.0.0.1:{http}
    default_backend {backend}
backend default_backend
    http-request return status 404
"""
APPLICATION = "backend http-gateway\n    server one 127.0.0.1:{port}\n"
DEADLINE_S = 20


class Answers(http.server.BaseHTTPRequestHandler):
    """What stands for a gateway."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def until(what):
    """Seconds until something is so."""
    began_s = time.monotonic()
    while not what():
        assert time.monotonic() < began_s + DEADLINE_S
        time.sleep(0.01)
    return time.monotonic() - began_s


@dataclass
class Proxy:
    """HAProxy's folder, and who starts it as Serve does."""

    folder: Path
    http: int
    metrics: int
    gateway: int
    started: list[subprocess.Popen] = field(default_factory=list)

    def configure(self, *, applications=True, more=""):
        backend = "http-gateway" if applications else "default_backend"
        text = CONFIG.format(
            folder=self.folder, http=self.http, metrics=self.metrics, backend=backend
        )
        text += APPLICATION.format(port=self.gateway) if applications else ""
        (self.folder / "haproxy.cfg").write_text(text + more)

    def start(self, *more):
        launcher = self.folder.parent / "haproxy.sh"
        words = [launcher, "-db", "-f", self.folder / "haproxy.cfg", "-dR", *map(str, more)]
        with (self.folder.parent / "log").open("ab") as log:
            self.started.append(subprocess.Popen(words, stdout=log, stderr=log))
        return self.started[-1]

    def reload(self, former):
        return self.start("-sf", former.pid, "-x", self.folder / "admin.sock")

    def status(self):
        """Of an answer; None where nobody listens."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.http), 10) as one,
        ):
            one.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            match = re.match(rb"HTTP/1\.[01] (\d+)", one.recv(100))
            return int(match[1]) if match else None
        return None

    def owner(self):
        """The process that listens for clients, none where nobody does."""
        return next(
            (
                one.pid
                for one in psutil.net_connections("tcp")
                if one.status == psutil.CONN_LISTEN and one.laddr.port == self.http
            ),
            None,
        )

    def processes(self):
        return processes_of(self.folder)


@pytest.fixture
def proxy(tmp_path):
    gateway = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    ports = Ports(http=free_port(), proxy_metrics_at=free_port())
    folder = tmp_path / "p"
    folder.mkdir()
    write_edge(tmp_path, EdgeOptions(), "secret")
    write_proxy_launcher(tmp_path, haproxy(), ports)
    one = Proxy(folder, ports.http, ports.proxy_metrics, gateway.server_port)
    one.configure()
    yield one
    end_processes_of(folder)
    for started in one.started:
        started.wait(DEADLINE_S)
    gateway.shutdown()
    gateway.server_close()


class Clients:
    """Asks again and again, and keeps what was no answer of the application's."""

    def __init__(self, proxy):
        self._proxy = proxy
        self._over = threading.Event()
        self.other = []
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._over.is_set():
            status = self._proxy.status()
            if status != 200:
                self.other.append(status)
            time.sleep(0.002)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(DEADLINE_S)


def test_another_one_answers_soon_after_haproxy_was_killed(proxy):
    first = proxy.start()
    until(lambda: proxy.status() == 200)
    first.kill()
    first.wait()
    assert until(lambda: proxy.status() == 200) < 2
    stand_in = proxy.owner()
    assert stand_in != first.pid
    # Serve must not take it for its own, or it would never start one again.
    assert not (proxy.folder / "admin.sock").exists() or not answers(proxy.folder / "admin.sock")
    os.kill(stand_in, signal.SIGKILL)
    until(lambda: proxy.status() == 200 and proxy.owner() != stand_in)


def answers(path):
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as one:
        one.settimeout(2)
        one.connect(str(path))
        one.sendall(b"show info\n")
        return bool(one.recv(10))
    return False


def test_one_that_serve_starts_then_takes_over_without_a_failed_request(proxy):
    first = proxy.start()
    until(lambda: proxy.status() == 200)
    first.kill()
    first.wait()
    until(lambda: proxy.status() == 200)
    with Clients(proxy) as clients:
        # A new manager knows no applications yet.
        proxy.configure(applications=False)
        second = proxy.start()
        until(lambda: proxy.owner() == second.pid)
        proxy.configure()
        third = proxy.reload(second)
        until(lambda: proxy.owner() == third.pid)
        assert second.wait(DEADLINE_S) == 0
    assert clients.other == []


def test_one_whose_manager_died_alone_is_replaced_as_well(proxy):
    first = proxy.start()
    until(lambda: proxy.status() == 200)
    with Clients(proxy) as clients:
        proxy.configure(applications=False)
        second = proxy.start()
        until(lambda: proxy.owner() == second.pid)
        assert first.wait(DEADLINE_S) == 0
    assert clients.other == []


def test_one_that_was_replaced_and_ends_is_not_started_again(proxy):
    first = proxy.start()
    until(lambda: proxy.status() == 200)
    second = proxy.reload(first)
    assert first.wait(DEADLINE_S) == 0
    until(lambda: sum(map(is_watcher, proxy.processes())) == 1)
    assert proxy.owner() == second.pid


def test_one_that_cannot_start_leaves_the_former_one_watched(proxy):
    first = proxy.start()
    until(lambda: proxy.status() == 200)
    proxy.configure(more="nonsense\n")
    assert proxy.reload(first).wait(DEADLINE_S) == 1
    assert proxy.owner() == first.pid
    until(lambda: (proxy.folder / "current").read_text().strip() == str(first.pid))
    first.kill()
    first.wait()
    assert until(lambda: proxy.status() == 200) < 2


def test_before_any_application_is_known_nothing_is_said_not_to_be_there(proxy):
    proxy.configure(applications=False)
    first = proxy.start()
    until(lambda: proxy.status() is not None)
    assert proxy.status() == 503
    # Serve loads it anew before it has told of any.
    proxy.configure(applications=False)
    second = proxy.reload(first)
    until(lambda: proxy.owner() == second.pid)
    assert proxy.status() == 503


def test_applications_that_were_deleted_are_not_answered_for(proxy):
    first = proxy.start()
    until(lambda: proxy.status() == 200)
    proxy.configure(applications=False)
    second = proxy.reload(first)
    until(lambda: proxy.status() == 404)
    second.kill()
    second.wait()
    until(lambda: proxy.status() is not None)
    assert proxy.status() == 404


def test_nobody_else_may_administer_a_stand_in(proxy):
    first = proxy.start()
    until(lambda: proxy.status() == 200)
    first.kill()
    first.wait()
    until((proxy.folder / "stand-in.sock").exists)
    assert stat.S_IMODE((proxy.folder / "stand-in.sock").stat().st_mode) == 0o600
