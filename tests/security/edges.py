"""HAProxy as our launcher runs it, in front of an application behind the gateway's own edge."""

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field

import psutil
import uvicorn
from ray.serve.config import HTTPOptions

from serve_app.cluster.commands import haproxy
from serve_app.cluster.edge.files import TOKEN, write_edge
from serve_app.cluster.environment import Ports
from serve_app.cluster.proxy_launcher import is_watcher, write_proxy_launcher
from serve_app.core.arrival import ARRIVAL_HEADER
from serve_app.core.edge_token import EdgeToken
from serve_app.gateway.middleware import Edge
from tests.ports import free_port

DEADLINE_S = 20
SECRET = "5e" * 32
# As Serve writes it, in what matters here.
CONFIG = """\
global
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
    maxconn 4096
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 3600s
    timeout server 10s
    errorfile 502 {folder}/500.http
    errorfile 503 {folder}/500.http
    errorfile 504 {folder}/500.http
frontend prometheus
    bind :{metrics}
frontend http_frontend
    bind 127.0.0.1:{http}
    acl healthcheck path -i /-/healthz
    http-request return status 200 content-type text/plain string "success" if healthcheck
    acl routes path -i /-/routes
    http-request return status 200 content-type application/json string "{{}}" if routes
    default_backend http-gateway
backend http-gateway
    http-reuse always
    server one 127.0.0.1:{gateway}
"""


def until(what, deadline_s=DEADLINE_S):
    """The first true value of something."""
    ends_s = time.monotonic() + deadline_s
    while not (value := what()):
        assert time.monotonic() < ends_s
        time.sleep(0.01)
    return value


class Echo:
    """Answers with what it sees of a request; `/status/401` and the like with that status."""

    def __init__(self):
        self.paths = []
        self.arrivals = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        self.paths.append(scope["path"])
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status = scope["path"].removeprefix("/status/")
        seen = {
            "client": scope["client"][0],
            "scheme": scope["scheme"],
            "method": scope["method"],
            "body": len(body),
            "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
        }
        # No two requests have the same.
        self.arrivals.append(seen["headers"].pop(ARRIVAL_HEADER, None))
        if scope["path"] == "/large":
            seen["filler"] = "x" * 30_000_000
        await send(
            {
                "type": "http.response.start",
                "status": int(status) if status.isdecimal() else 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def seen(self):
        """What the application saw of the request."""
        return json.loads(self.body)


@dataclass
class Guarded:
    """A port of HAProxy's, and the application behind it."""

    folder: object
    http: int
    metrics: int
    gateway: int
    echo: Echo
    started: list = field(default_factory=list)

    def configure(self):
        proxy = self.folder / "p"
        (proxy / "haproxy.cfg").write_text(
            CONFIG.format(
                folder=proxy,
                http=self.http,
                metrics=self.metrics,
                gateway=self.gateway,
            )
        )

    def start(self, *more):
        """Start HAProxy as Serve does."""
        words = [self.folder / "haproxy.sh", "-db", "-f", self.folder / "p" / "haproxy.cfg", "-dR"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([*words, *map(str, more)], stdout=log, stderr=log)
        self.started.append(process)
        until(lambda: self.owner() == process.pid or process.poll() is not None)
        assert process.poll() is None, (self.folder / "log").read_text()
        return process

    def reload(self):
        """Start another one in its place, from a config that Serve writes anew."""
        self.configure()
        former = self.started[-1]
        return self.start("-sf", former.pid, "-x", self.folder / "p" / "admin.sock")

    def owner(self):
        return next(
            (
                one.pid
                for one in psutil.net_connections("tcp")
                if one.status == psutil.CONN_LISTEN and one.laddr.port == self.http
            ),
            None,
        )

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(
            ("127.0.0.1", self.http), timeout=DEADLINE_S, source_address=(source, 0)
        )

    def raw(self, content, source="127.0.0.1"):
        """All that comes back for some bytes, until the connection is closed."""
        answer = b""
        with contextlib.suppress(ConnectionError), self.connect(source) as one:
            one.sendall(content)
            while part := one.recv(65536):
                answer += part
        return answer

    def ask(self, path="/", *headers, method="GET", source="127.0.0.1", host="x"):
        lines = [f"{method} {path} HTTP/1.1", f"host: {host}", "connection: close", *headers]
        if method == "POST":
            lines.append("content-length: 0")
        return parsed(self.raw("\r\n".join([*lines, "", ""]).encode(), source))


def parsed(content):
    """One answer; none where nothing came."""
    head, _, body = content.partition(b"\r\n\r\n")
    if not head:
        return Answer(0, {}, b"")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(body))
    return Answer(int(first.split()[1]), headers, body)


def _chunks(body):
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        yield body[:length]
        body = body[length + 2 :]


def end_processes_of(folder):
    """Watchers first: they would start others."""
    for watchers_alone in (True, False):
        for process in list(psutil.process_iter()):
            with contextlib.suppress(psutil.Error):
                if str(folder) in " ".join(process.cmdline()) and (
                    is_watcher(process) or not watchers_alone
                ):
                    process.kill()


@contextlib.contextmanager
def guarded(folder, options):
    """HAProxy with an edge, in front of an application that says what it sees."""
    echo = Echo()
    # As long as a gateway's: HAProxy keeps idle connections for five seconds, like uvicorn by
    # default, and a request on one that both close at once is lost.
    keep_alive_s = HTTPOptions().keep_alive_timeout_s
    server, thread, port = served(
        Edge(echo, token=EdgeToken(SECRET.encode())), timeout_keep_alive=keep_alive_s
    )
    ports = Ports(http=free_port(), proxy_metrics_at=free_port())
    (folder / "p").mkdir()
    write_edge(folder, options, SECRET)
    assert (folder / TOKEN).read_text() == SECRET
    write_proxy_launcher(folder, haproxy(), ports)
    one = Guarded(folder, ports.http, ports.proxy_metrics, port, echo)
    one.configure()
    try:
        one.start()
        yield one
    finally:
        end_processes_of(folder)
        for started in one.started:
            started.wait(DEADLINE_S)
        server.should_exit = True
        thread.join(DEADLINE_S)


def served(app, **settings):
    """A server of uvicorn's in a thread: it, the thread and the port."""
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan="off",
        ws="none",
        access_log=False,
        proxy_headers=False,
        **settings,
    )
    server = uvicorn.Server(config)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve([listening])), name="gateway", daemon=True
    )
    thread.start()
    until(lambda: server.started)
    return server, thread, listening.getsockname()[1]
