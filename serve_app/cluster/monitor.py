"""Prometheus beside a local cluster, and Grafana where it is there.

Both carry the cluster's mark, so that whatever stops the cluster stops them. What they keep is in
the state folder and stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import psutil
import yaml

from serve_app.cluster import grafana, web
from serve_app.cluster.environment import MARK_VARIABLE, PROMETHEUS_VARIABLE
from serve_app.cluster.node import LOOPBACK, Cluster, Running
from serve_app.cluster.port_checks import require_free_port
from serve_app.cluster.processes import end_all
from serve_app.errors import NotReady, ServeError, ServerFault

READY_TIMEOUT_S = 60.0
POLL_S = 0.2
_ASK_TIMEOUT_S = 5.0
_LAST_LINES = 5
_HOW_TO_GET = (
    "Prometheus is not on the PATH. Debian and Ubuntu have it: apt-get download prometheus, "
    "dpkg -x prometheus_*.deb prometheus, and then serve-app monitor up --prometheus "
    "prometheus/usr/bin/prometheus. Elsewhere: https://prometheus.io/download/"
)


@dataclass(frozen=True, slots=True)
class MonitorOptions:
    """Which programs are started, and on which ports of 127.0.0.1.

    Without paths those on the PATH are; without a port for Prometheus it is the one at which the
    cluster's Ray dashboard looks for it.
    """

    prometheus: Path | None = None
    grafana: Path | None = None
    prometheus_port: int | None = None
    grafana_port: int = 3000


@dataclass(frozen=True, slots=True)
class Watching:
    """What watches a cluster; without Grafana, `grafana_port` is none."""

    prometheus_port: int
    grafana_port: int | None = None

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus answers."""
        return f"http://{LOOPBACK}:{self.prometheus_port}"

    @property
    def grafana_url(self) -> str | None:
        """Where Grafana answers."""
        return None if self.grafana_port is None else f"http://{LOOPBACK}:{self.grafana_port}"


@dataclass(frozen=True, slots=True)
class _Program:
    """What is started: its command, what it finds in its environment, how it says that it is up."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready_url: str


def shipped() -> Path:
    """The folder of rules and dashboards: in a checkout beside the package, in a wheel inside."""
    package = Path(str(resources.files("serve_app")))
    inside = package / "deployments" / "monitoring"
    return inside if inside.is_dir() else package.parent / "deployments" / "monitoring"


class Monitor:
    """What watches the cluster of a state folder."""

    def __init__(
        self,
        state: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cluster = Cluster(state)
        self.folder = state.resolve() / "monitor"
        self._record = self.folder / "monitor.json"
        self._clock = clock
        self._sleep = sleep

    def watching(self) -> Watching | None:
        """What watches the cluster now; none where Prometheus does not run."""
        if not self._processes():
            return None
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Watching(**json.loads(self._record.read_text()))
        return None

    def up(self, running: Running, options: MonitorOptions) -> Watching:
        """Start what is not running yet; gives what does.

        Raises:
            NotReady: there is no Prometheus; says how to get it.
            Conflict: a port is taken; says by whom.
            InvalidInput: a path that was given is no program.
            ServerFault: one did not start; says what its log says. None of them runs then.
        """
        already = self.watching()
        if already is not None:
            return already
        self.down()
        port = options.prometheus_port or _expected_port(running)
        binary = _prometheus(options.prometheus)
        board = grafana.program(options.grafana)
        require_free_port(port, "Prometheus", "--prometheus-port")
        if board is not None:
            require_free_port(options.grafana_port, "Grafana", "--grafana-port")
        watching = Watching(port, None if board is None else options.grafana_port)
        (self.folder / "prometheus").mkdir(mode=0o700, parents=True, exist_ok=True)
        programs = [self._of_prometheus(binary, running, watching)]
        if board is not None:
            programs.append(self._of_grafana(board, running, watching))
        try:
            for program in programs:
                self._start(program, str(running.folder))
        except BaseException:
            self.down()
            raise
        self._record.write_text(json.dumps(asdict(watching)))
        return watching

    def down(self) -> int:
        """Stop what watches the cluster; says how many processes there were.

        Raises:
            ServerFault: one cannot be stopped.
        """
        count = end_all(self._processes)
        self._record.unlink(missing_ok=True)
        return count

    def _processes(self) -> list[psutil.Process]:
        """Those of the cluster that were started from this folder, and what they started."""
        every = self._cluster.processes()
        own = {process.pid for process in every if _names(process, str(self.folder))}
        return [one for one in every if one.pid in own or _parent(one) in own]

    def _of_prometheus(self, binary: str, running: Running, watching: Watching) -> _Program:
        folder = self.folder / "prometheus"
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(prometheus_config(running, watching), sort_keys=False))
        command = [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{watching.prometheus_port}",
        ]
        return _Program("prometheus", command, {}, f"{watching.prometheus_url}/-/ready")

    def _of_grafana(self, board: grafana.Program, running: Running, watching: Watching) -> _Program:
        folder = self.folder / "grafana"
        settings = grafana.write_settings(folder, watching.grafana_port or 0, shipped() / "grafana")
        environment = {
            "PROMETHEUS_URL": watching.prometheus_url,
            "SERVE_APP_DASHBOARDS": str(shipped() / "grafana" / "dashboards"),
            "RAY_DASHBOARDS": str(running.folder / grafana.DASHBOARDS_OF_RAY),
        }
        command = board.command(settings)
        return _Program("grafana", command, environment, f"{watching.grafana_url}/api/health")

    def _start(self, program: _Program, mark: str) -> None:
        """Start a program in a session of its own and wait until it answers."""
        log = self.folder / f"{program.name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - the user's own programs
                program.command,
                env={**os.environ, **program.environment, MARK_VARIABLE: mark},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            ready = self._answers(program.ready_url, process)
        finally:
            # It may outlive this process, of which Python would warn.
            process.returncode = process.returncode or 0
        if not ready:
            lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            printed = "\n".join(f"  {line}" for line in lines)
            msg = f"{program.name} did not start; the end of its log, {log}:\n{printed}"
            raise ServerFault(msg)

    def _answers(self, url: str, process: subprocess.Popen[bytes]) -> bool:
        """Whether a page of a process comes before it ends, and in time."""
        deadline_s = self._clock() + READY_TIMEOUT_S
        while True:
            with contextlib.suppress(ServeError):
                web.text(url, timeout_s=_ASK_TIMEOUT_S)
                return True
            if process.poll() is not None or self._clock() > deadline_s:
                return False
            self._sleep(POLL_S)


def prometheus_config(running: Running, watching: Watching) -> dict[str, Any]:
    """The configuration that is shipped, with the places of this cluster in it."""
    folder = shipped() / "prometheus"
    config: dict[str, Any] = yaml.safe_load((folder / "prometheus.yml").read_text())
    config["rule_files"] = [str(folder / one) for one in config["rule_files"]]
    discovery = running.folder / "ray" / "prom_metrics_service_discovery.json"
    proxy_port = running.environment.get("RAY_SERVE_HAPROXY_METRICS_PORT", "9101")
    targets = {
        "haproxy": f"{LOOPBACK}:{proxy_port}",
        "prometheus": f"{LOOPBACK}:{watching.prometheus_port}",
    }
    for job in config["scrape_configs"]:
        if job["job_name"] == "ray":
            job["file_sd_configs"] = [{"files": [str(discovery)]}]
        else:
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    return config


def expects(running: Running, watching: Watching) -> bool:
    """Whether the cluster's Ray dashboard looks for Prometheus where it is."""
    return running.environment.get(PROMETHEUS_VARIABLE) == watching.prometheus_url


def _expected_port(running: Running) -> int:
    _, _, port = running.environment.get(PROMETHEUS_VARIABLE, "").rpartition(":")
    return int(port) if port.isdecimal() else 9090


def _prometheus(given: Path | None) -> str:
    if given is not None:
        return grafana.executable(given)
    path = shutil.which("prometheus")
    if path is None:
        raise NotReady(_HOW_TO_GET)
    return path


def _names(process: psutil.Process, folder: str) -> bool:
    """Whether a process was given a file of this folder."""
    with contextlib.suppress(psutil.Error):
        return any(f"{folder}/" in part for part in process.cmdline())
    return False


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.ppid())
    return 0
