"""Starts and stops one local Ray cluster, and leaves nothing of it behind.

A cluster belongs to a state folder, which remembers how it was started. Which processes are its
own is told in `processes`: other clusters of this machine are none of our business, and an
orphaned HAProxy (Ray kills its manager, not HAProxy itself) is found all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import psutil

from serve_app.cluster.description import check_description
from serve_app.cluster.draining import Patience, hand_over
from serve_app.cluster.environment import MARK_VARIABLE
from serve_app.cluster.head_watch import HeadWatch
from serve_app.cluster.node_start import NodeStart
from serve_app.cluster.options import NodeOptions, write_options
from serve_app.cluster.port_checks import require_free
from serve_app.cluster.private_files import (
    write_private,
)
from serve_app.cluster.processes import DASHBOARD, GCS, RAYLET, end_all, of_cluster, runs
from serve_app.cluster.proxy_launcher import remove_files_elsewhere
from serve_app.cluster.ray_token import FILE
from serve_app.cluster.running import LOOPBACK, Running
from serve_app.cluster.supervision import end_supervisors, require_unsupervised
from serve_app.errors import Conflict, InvalidInput, NotReady, ServerFault

__all__ = ["LOOPBACK", "Cluster", "NodeOptions", "Running"]
logger = logging.getLogger("serve_app.cluster")


class Cluster:
    """The one cluster of a state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state.resolve()
        digest = hashlib.sha256(str(self._state).encode()).hexdigest()[:8]
        # Ray and HAProxy put sockets below it, whose paths may have 107 characters.
        self._folder = Path("/tmp") / f"sa-{digest}"  # noqa: S108 - private, mode 700
        self._record = self._state / "cluster.json"
        self._joined = self._state / "node.json"
        self._begin = NodeStart(self._state, self._folder, self._end)
        self.started = self._state / "started.json"
        """How the node was started, for who brings it back; gone where somebody stopped it."""
        self.supervision = self._state / "supervision.json"
        """How whoever supervises it is doing."""

    def running(self) -> Running | None:
        """The cluster, if it is there and its head still lives."""
        if not self._record.exists() or not self._head_lives():
            return None
        try:
            body = json.loads(self._record.read_text())
            # Whoever takes its environment from here (`serve deploy`) is not of the cluster.
            environment = {k: v for k, v in body["environment"].items() if k != MARK_VARIABLE}
            return Running(**{**body, "folder": Path(body["folder"]), "environment": environment})
        except (ValueError, TypeError, KeyError, AttributeError):
            msg = (
                f"{self._record} is damaged, and a cluster of it runs: end that with "
                "serve-app cluster stop, and start it again"
            )
            raise ServerFault(msg) from None

    def has_joined(self) -> bool:
        """Whether Ray runs here as a node that joined a cluster."""
        joined = self.joined_address() is not None
        return joined and any(runs(process, RAYLET) for process in self.processes())

    def folder_of_node(self) -> Path:
        """The folder of what this node, head or not, has for itself alone.

        Raises:
            NotReady: none runs.
        """
        if not self.processes():
            msg = f"no node of {self._state} runs; start one with: serve-app cluster start"
            raise NotReady(msg)
        return self._folder

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

    def check_startable(self, options: NodeOptions) -> None:
        """Let pass what `start` would find: the cluster that runs already, or free ports.

        Raises:
            Conflict: a port is taken; names it and who has it.
        """
        if self.running() is None and not self.processes():
            require_free(options.node_ip, options.ports.of_the_head())

    def start(self, options: NodeOptions) -> Running:
        """Start the cluster, or give the one that runs already.

        Raises:
            Conflict: a port is taken; names it and who has it.
            InvalidInput: the autoscaling config is none, HAProxy does not take the edge, or the
                file of the token has none.
            NotReady: one runs, and its dashboard died; or somebody brings it back just now.
            ServerFault: Ray, or its dashboard, did not start; nothing of it is left behind.
        """
        running = self.running()
        if running is not None:
            running.dashboard.serve_details()
            return running
        require_unsupervised(self.supervision)
        running = self._start_head(options)
        write_options(self.started, options)
        return running

    def restart(self, options: NodeOptions) -> Running:
        """End what is left of the cluster at once, and start it; raises as `start` does.

        The process that calls this, which supervises the cluster, is not ended.

        Raises:
            NotReady: somebody stopped the cluster meanwhile; nothing of it is left behind.
        """
        self._end(at_once=True)
        running = self._start_head(options)
        if not self.started.exists():
            self._end()
            raise NotReady("the cluster was stopped while it was brought back")
        return running

    def _start_head(self, options: NodeOptions) -> Running:
        ports = options.ports
        head = [
            "--head",
            f"--port={ports.gcs}",
            f"--dashboard-host={LOOPBACK}",
            f"--dashboard-port={ports.dashboard}",
            "--include-dashboard=true",
        ]
        if options.lean:
            head += ["--no-monitor", "--include-log-monitor=false"]
        else:
            head.append(f"--ray-client-server-port={ports.client}")
        if options.autoscaling_config is not None:
            check_description(options.autoscaling_config)
            head.append(f"--autoscaling-config={options.autoscaling_config.resolve()}")
        environment, session = self._begin.node(options, ports.of_the_head(), head)
        try:
            return self._remember(options, environment, session)
        except BaseException:
            self._end()
            raise

    def join(self, address: str, options: NodeOptions) -> None:
        """Start a node on this machine that belongs to the cluster at `address`, host:port.

        Raises:
            Conflict: a port is taken, or a node of this state folder runs already.
            InvalidInput: it is not said what the cluster's token is.
            NotReady: somebody lets it join again just now.
            ServerFault: Ray did not start; nothing of it is left behind.
        """
        if options.auth_token is None and not options.no_token:
            msg = (
                f"a cluster has a token, which stands in the file state/{FILE} of the machine on "
                "which it was started: copy it here and say --token-file FILE, or --no-token for "
                "a cluster that was started so"
            )
            raise InvalidInput(msg)
        if self.processes():
            msg = f"a node of {self._state} runs already; stop it, or give another --state"
            raise Conflict(msg)
        require_unsupervised(self.supervision)
        self._join(address, options)
        write_options(self.started, options)

    def rejoin(self, address: str, options: NodeOptions) -> None:
        """End what is left of a node that joined, at once, and join anew; raises as `join` does.

        The process that calls this, which supervises the node, is not ended.

        Raises:
            NotReady: somebody stopped the node meanwhile; nothing of it is left behind.
        """
        self._end(at_once=True)
        self._join(address, options)
        if not self.started.exists():
            self._end()
            raise NotReady("the node was stopped while it joined again")

    def joined_address(self) -> str | None:
        """Where the head is of the cluster that a node of this state folder joined, host:port."""
        address: str | None = _read(self._joined).get("address")
        return address

    def _join(self, address: str, options: NodeOptions) -> None:
        role = [f"--address={address}"]
        environment, session = self._begin.node(options, options.ports.of_every_node(), role)
        body = {"address": address, "environment": environment, "session": session}
        write_private(self._joined, json.dumps(body, indent=2))

    def stop(self) -> int:
        """Stop every process of the cluster and remove its files; says how many there were.

        Raises:
            ServerFault: a process cannot be stopped.
        """
        # First, or who supervises it would start again what this ends.
        return self._unsupervise() + self._end()

    def _unsupervise(self) -> int:
        """Let nobody bring it back any more; says how many processes would have."""
        self.started.unlink(missing_ok=True)
        return end_supervisors(self.processes())

    def _end(self, *, at_once: bool = False) -> int:
        count = end_all(self.processes, at_once=at_once)
        remove_files_elsewhere(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._record.unlink(missing_ok=True)
        self._joined.unlink(missing_ok=True)
        return count

    def wait_for_end_of_ray(self, head: HeadWatch, every_s: float = 1.0) -> None:
        """Return once Ray's process of this node has ended, or the head of the one that it joined.

        Who ended it makes no difference.
        """
        raylets = [one for one in self.processes() if runs(one, RAYLET)]
        while psutil.wait_procs(raylets, timeout=every_s)[1]:
            joined = _read(self._joined)
            if joined and head.has_ended(joined["address"]):
                return

    def hand_over(self, patience: Patience) -> str | None:
        """Let other nodes take over the replicas of a node that joined a cluster, before it stops.

        Gives why some are left, in words. Of a head, and of what does not run, nothing is handed
        over.
        """
        joined = _read(self._joined)
        if not joined:
            return None
        # First, or who supervises it would let it join again as soon as it is drained.
        self._unsupervise()
        return hand_over(self.processes, joined["address"], joined["environment"], patience)

    def processes(self) -> list[psutil.Process]:
        """Every living process of this cluster, this one excepted."""
        body = _read(self._record) or _read(self._joined)
        return of_cluster(str(self._folder), body.get("session", 0))

    def _dashboard_lives(self) -> bool:
        return any(runs(process, DASHBOARD) for process in self.processes())

    def _head_lives(self) -> bool:
        return any(runs(process, GCS) for process in self.processes())

    def _remember(self, options: NodeOptions, environment: dict[str, str], session: int) -> Running:
        ports = options.ports
        body = {
            "folder": str(self._folder),
            "http_port": ports.http,
            "dashboard_port": ports.dashboard,
            "stats_port": ports.stats,
            "gcs_port": ports.gcs,
            "node_ip": options.node_ip,
            "environment": environment,
            "session": session,
            "tls": options.edge.tls is not None,
        }
        write_private(self._record, json.dumps(body, indent=2))
        running = self.running()
        if running is None:
            raise ServerFault("Ray started and ended at once")
        running.dashboard.require_started(self._dashboard_lives)
        return running


def _read(path: Path) -> dict[str, Any]:
    """What a file of the state folder says; nothing where it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        body = json.loads(path.read_text())
        return body if isinstance(body, dict) else {}
    return {}
