"""How a node is started, and the file that remembers it for who brings the cluster back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from serve_app.cluster.edge.options import EdgeOptions
from serve_app.cluster.environment import Ports
from serve_app.cluster.private_files import write_private
from serve_app.cluster.running import LOOPBACK
from serve_app.errors import NotReady


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """How a node is started.

    `home` is what relative paths of configs start from; `node_ip` the address at which the
    cluster's other nodes find this one, and on which Ray listens; `autoscaling_config` the
    cluster description from which the head starts and ends other nodes by itself; `auth_token` a
    file with what Ray's processes show each other, by default that of the state folder; with
    `no_token` Ray trusts whoever reaches its ports; with `end_with_ray` the node ends with its
    Ray, or with the head that it joined; `edge` says how its HAProxy guards the main port; with
    `keeps_head` Ray's head (GCS) keeps what it knows on the disk, so that it may be started again
    alone; with `full` there is all that Ray starts where others use it too.
    """

    ports: Ports
    home: Path
    node_ip: str = LOOPBACK
    cpus: int | None = None
    object_store_mb: int = 200
    drain_s: float = 30.0
    autoscaling_config: Path | None = None
    auth_token: Path | None = None
    no_token: bool = False
    end_with_ray: bool = False
    edge: EdgeOptions = field(default_factory=EdgeOptions)
    keeps_head: bool = False
    full: bool = False

    @property
    def lean(self) -> bool:
        """Whether a head starts with what one machine needs: nobody joins it, or brings it back."""
        alone = self.node_ip == LOOPBACK and self.autoscaling_config is None
        return alone and not self.keeps_head and not self.full


def write_options(path: Path, options: NodeOptions) -> None:
    """Keep the options of a node in a file of mode 600."""
    write_private(path, TypeAdapter(NodeOptions).dump_json(options, indent=2).decode())


def read_options(path: Path) -> NodeOptions:
    """The options that a node was started with.

    Raises:
        NotReady: the file is not there, or damaged.
    """
    try:
        return TypeAdapter(NodeOptions).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        msg = (
            f"how the cluster was started cannot be read from {path} "
            f"({type(error).__name__}): stop it, and start it with --supervise"
        )
        raise NotReady(msg) from None
