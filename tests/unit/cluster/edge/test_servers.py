"""Servers that a real HAProxy is told to pass by, and finds again by itself."""

import contextlib
import http.server
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from serve_app.cluster.commands import haproxy
from serve_app.cluster.edge.admin_socket import command, sockets
from serve_app.cluster.edge.servers import pass_by

LOOPBACK = {"127.0.0.1"}
DEADLINE_S = 30.0


class Named(http.server.BaseHTTPRequestHandler):
    """Answers with the port that was asked; health checks as its server says."""

    def do_GET(self):
        healthy = self.server.healthy or self.path != "/health"
        self.send_response(200 if healthy else 503)
        body = str(self.server.server_port).encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        # Who only looks whether it lives may be gone.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@contextlib.contextmanager
def a_server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Named) as server:
        server.healthy = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def house(tmp_path):
    """Two servers behind HAProxy: the servers, the address, and the folder of the cluster."""
    with a_server() as one, a_server() as two, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        place = tmp_path / "p" / "manager"
        place.mkdir(parents=True)
        (tmp_path / "haproxy.cfg").write_text(
            f"global\n  stats socket {place}/admin.sock level admin\n"
            "defaults\n  mode http\n  timeout connect 2s\n  timeout client 5s\n"
            f"  timeout server 5s\nfrontend main\n  bind 127.0.0.1:{port}\n"
            "  default_backend http-gateway\nbackend http-gateway\n"
            "  option httpchk GET /health\n"
            "  default-server inter 2s fastinter 50ms downinter 50ms fall 2 rise 2\n"
            f"  server a 127.0.0.1:{one.server_port} check\n"
            f"  server b 127.0.0.1:{two.server_port} check\n"
        )
        process = subprocess.Popen([haproxy(), "-db", "-f", str(tmp_path / "haproxy.cfg")])
        try:
            url = f"http://127.0.0.1:{port}/"
            until(lambda: answering(url) == {one.server_port, two.server_port})
            yield (one, two), url, tmp_path
        finally:
            process.kill()
            process.wait()


def until(condition):
    ends_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends_s, "not in time"
        time.sleep(0.02)


def answering(url):
    """Who answers four requests."""
    ports = set()
    for _ in range(4):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            ports.add(int(answer.read()))
    return ports


def test_a_server_is_passed_by_until_it_answers_again(house):
    (one, two), url, folder = house
    one.healthy = False
    (passed,) = pass_by(folder, LOOPBACK, {one.server_port})
    assert (passed.backend, passed.name, passed.port) == ("http-gateway", "a", one.server_port)
    assert answering(url) == {two.server_port}
    assert pass_by(folder, LOOPBACK, {one.server_port}) == []
    one.healthy = True
    until(lambda: answering(url) == {one.server_port, two.server_port})


def test_the_last_server_is_never_passed_by(house):
    (one, two), url, folder = house
    two.healthy = False
    assert len(pass_by(folder, LOOPBACK, {two.server_port})) == 1
    assert pass_by(folder, LOOPBACK, {one.server_port}) == []
    assert answering(url) == {one.server_port}
    two.healthy = True
    until(lambda: answering(url) == {one.server_port, two.server_port})
    assert pass_by(folder, LOOPBACK, {one.server_port, two.server_port}) == []


def test_servers_of_other_machines_with_the_same_port_are_left_alone(house):
    (one, two), url, folder = house
    assert pass_by(folder, {"10.0.0.1"}, {one.server_port, two.server_port}) == []
    assert answering(url) == {one.server_port, two.server_port}


def test_a_folder_where_nobody_listens_is_no_error(tmp_path):
    place = tmp_path / "p"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(place / "admin.sock"))
    assert sockets(tmp_path) == [place / "admin.sock"]
    assert command(place / "admin.sock", "show info\n") is None
    assert pass_by(tmp_path, LOOPBACK, {80}) == []
    assert pass_by(tmp_path / "none", LOOPBACK, {80}) == []
