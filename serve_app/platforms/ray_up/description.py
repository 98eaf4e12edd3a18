"""What a cluster of `ray up` is to be, whoever lends its machines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from serve_app.cluster.edge.options import EdgeOptions
from serve_app.errors import InvalidInput

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Description:
    """A cluster, as far as all providers have the same words for it.

    `image` is the container that everything runs in, by its digest. Where `environment` names a
    folder instead, a virtual environment that is there on each machine, no container is used.
    `token` is the local file with Ray's token, which is copied to the machines. Machines that
    stand idle for `idle_minutes` end. How HAProxy guards the main port of each machine is `edge`,
    whose certificates are local files too.
    """

    name: str = "serve-app"
    image: str | None = None
    environment: str | None = None
    min_workers: int = 2
    max_workers: int = 8
    idle_minutes: int = 5
    http_port: int = 8000
    drain_s: int = 30
    ssh_user: str = "ubuntu"
    ssh_key: str | None = None
    token: str = "./ray-token"  # noqa: S105 - the name of a file
    configs: str = "./configs"
    edge: EdgeOptions = field(default_factory=EdgeOptions)

    def __post_init__(self) -> None:
        """Refuse what no cluster can be.

        Raises:
            InvalidInput: a name that clouds refuse, an image without digest, a value of two lines.
        """
        if not _NAME.fullmatch(self.name):
            msg = (
                f"{self.name!r} cannot name a cluster: write up to 40 small letters, digits and "
                "hyphens, a letter first"
            )
            raise InvalidInput(msg)
        if (self.image is None) == (self.environment is None):
            msg = "give one of --image (a container, by digest) and --environment (a folder)"
            raise InvalidInput(msg)
        if self.image is not None and not _DIGEST.fullmatch(self.image):
            msg = (
                f"{self.image!r} names no image by its digest, so that machines could run "
                "different ones: write NAME@sha256:DIGEST"
            )
            raise InvalidInput(msg)
        if not 0 <= self.min_workers <= self.max_workers:
            msg = f"{self.min_workers} to {self.max_workers} workers are no range; raise the second"
            raise InvalidInput(msg)
        require_one_line(self)
        require_one_line(self.edge)
        if self.edge.tls is not None:
            require_one_line(self.edge.tls)


class Place(Protocol):
    """Who lends the machines: one class per provider."""

    @property
    def type(self) -> str:
        """The provider's name in Ray."""
        ...

    def provider(self) -> dict[str, Any]:
        """The section `provider`, without its type."""
        ...

    def node_types(self, cluster: Description) -> dict[str, Any]:
        """The section `available_node_types`, the head's first; none where Ray makes it."""
        ...

    def auth(self) -> dict[str, Any]:
        """What the section `auth` has beside the user and the key."""
        ...

    def head_needs(self) -> tuple[str, ...]:
        """Python modules with which the head starts and ends machines."""
        ...


def require_one_line(description: Any) -> None:
    """Let values pass that are one line each; a second one would be a line of the file.

    Raises:
        InvalidInput: one has more; names it.
    """
    fields: Mapping[str, Any] = {
        name: getattr(description, name) for name in description.__dataclass_fields__
    }
    for name, value in fields.items():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str | Path) and (not str(part).isprintable() or not str(part)):
                option = name.replace("_", "-")
                msg = f"--{option} must be one line of printable characters, not {str(part)!r}"
                raise InvalidInput(msg)
