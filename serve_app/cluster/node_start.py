"""How a node of a state folder is started: its files, its token, its HAProxy, `ray start`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from serve_app.cluster.commands import (
    RayStart,
    StartTooSlowError,
    haproxy,
    ray_start,
    stop_once_ray_ended,
)
from serve_app.cluster.edge.files import check_edge, edge_secret, write_edge
from serve_app.cluster.environment import variables
from serve_app.cluster.options import NodeOptions
from serve_app.cluster.port_checks import require_free
from serve_app.cluster.private_files import make_private_folder, require_own_folder
from serve_app.cluster.proxy_launcher import write_proxy_launcher
from serve_app.cluster.ray_token import cluster_token, require_token
from serve_app.errors import InvalidInput

logger = logging.getLogger("serve_app.cluster")


@dataclass(frozen=True, slots=True)
class NodeStart:
    """Starts nodes of a state folder, whose files for the time they run are in `folder`.

    `end` ends what is left of a node, and removes its files.
    """

    state: Path
    folder: Path
    end: Callable[[], object]

    def node(
        self, options: NodeOptions, ports: Mapping[str, int], role: Sequence[str]
    ) -> tuple[dict[str, str], int]:
        """Start a node with these ports as a head or worker; gives its environment and session.

        Raises:
            Conflict: a port is taken; names it and who has it.
            InvalidInput: HAProxy does not take the edge, or the file of the token has none.
            ServerFault: Ray did not start; nothing of it is left behind.
        """
        try:
            return self._once(options, ports, role)
        except StartTooSlowError as error:
            logger.warning("started again", extra={"why": error.message})
            return self._once(options, ports, role)

    def _once(
        self, options: NodeOptions, ports: Mapping[str, int], role: Sequence[str]
    ) -> tuple[dict[str, str], int]:
        self.end()
        require_free(options.node_ip, ports)
        make_private_folder(self.state)
        options = self._with_token(options)
        require_own_folder(self.folder)
        (self.folder / "p").mkdir(mode=0o700, exist_ok=True)
        write_edge(self.folder, options.edge, edge_secret(options.auth_token))
        check_edge(self.folder, haproxy())
        write_proxy_launcher(self.folder, haproxy(), options.ports)
        environment = variables(
            folder=self.folder,
            home=options.home,
            ports=options.ports,
            drain_s=options.drain_s,
            token=options.auth_token,
            head=self.folder / "gcs" if options.keeps_head else None,
        )
        try:
            session = self._ray(options, role, environment)
            if options.end_with_ray:
                stop_once_ray_ended(self.state, str(self.folder))
        except BaseException:
            self.end()
            raise
        return environment, session

    def _with_token(self, options: NodeOptions) -> NodeOptions:
        """The options, whose file with the token is there unless there must be none.

        Raises:
            InvalidInput: the file that they name has none, or they want none as well.
        """
        if options.no_token:
            if options.auth_token is not None:
                raise InvalidInput("--token-file and --no-token exclude each other")
            return options
        if options.auth_token is None:
            return replace(options, auth_token=cluster_token(self.state))
        return replace(options, auth_token=require_token(options.auth_token))

    def _ray(
        self, options: NodeOptions, role: Sequence[str], environment: Mapping[str, str]
    ) -> int:
        """Start a node; gives the session that its processes are in."""
        arguments = [
            *role,
            # Of a node that joins Ray would take the head's folder, which nobody removes there.
            f"--temp-dir={self.folder / 'ray'}",
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
            arguments.append(f"--num-cpus={options.cpus}")
        lean = options.lean and "--head" in role
        call = RayStart(arguments, environment, options.home, options.node_ip, lean=lean)
        return ray_start(call, str(self.folder), self.folder / "start.log")
