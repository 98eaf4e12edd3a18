"""The three images, and the environment that processes in each of them find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serve_app.cluster.environment import Ports, variables
from serve_app.core.edge_token import EDGE_VARIABLE
from serve_app.platforms.images.places import (
    DRAIN_S,
    EVERYWHERE,
    HTTP_PORT,
    LAUNCHER,
    LIBRARIES,
    PACKAGE,
    SCRATCH,
    STATE,
)

_OF_THE_MACHINE = (
    EDGE_VARIABLE,
    "RAY_SERVE_HAPROXY_NBTHREAD",
)
"""What `variables` counts on the machine where it runs, and an image cannot know."""


@dataclass(frozen=True, slots=True)
class Target:
    """One image: its name in the Dockerfile, whether Ray is in it, its purpose and its command."""

    name: str
    ray: bool
    title: str
    command: tuple[str, ...] = ("--help",)

    @property
    def lock(self) -> str:
        """The file of its locked wheels, below `deployments/docker`."""
        return f"{self.name}.lock"

    def environment(self) -> dict[str, str]:
        """The variables of its processes, in order."""
        own = {
            "HOME": str(STATE),
            "LANG": "C.UTF-8",
            "PATH": (
                f"{PACKAGE}/bin:{LIBRARIES}/bin:"
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            ),
            "PYTHONPATH": f"{PACKAGE}:{LIBRARIES}",
            # Bytecode was made when the image was, and nothing may be written beside it.
            "PYTHONDONTWRITEBYTECODE": "1",
            "SERVE_APP_STATE": str(STATE / "state"),
        }
        if self.ray:
            return dict(sorted({**of_clusters(), **own}.items()))
        threads = dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        return dict(sorted({**own, **threads, "PYTHONUNBUFFERED": "1"}.items()))


def of_clusters() -> dict[str, str]:
    """What every node of a cluster in containers must find, from the same place as all others."""
    everything = variables(
        folder=Path(SCRATCH), home=Path(STATE), ports=Ports(http=HTTP_PORT), drain_s=DRAIN_S
    )
    kept = {name: value for name, value in everything.items() if name not in _OF_THE_MACHINE}
    return {**kept, "RAY_SERVE_HAPROXY_BINARY_PATH": str(LAUNCHER)}


FULL = Target("full", ray=True, title="serve-app with Ray and every library that models are of")
SERVE = Target("serve", ray=True, title="serve-app with Ray, for compiled versions")
EDGE = Target(
    "edge",
    ray=False,
    title="serve-app without Ray, for compiled versions",
    command=("run", "--host", EVERYWHERE),
)
TARGETS = (FULL, SERVE, EDGE)
