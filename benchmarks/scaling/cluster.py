"""A cluster of the benchmark's own: started, deployed to, looked at and stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.scaling.figures import Count
from benchmarks.scaling.sampling import counts
from serve_app.cluster import web

REPOSITORY = Path(__file__).resolve().parents[2]
PORTS = 10
POLL_S = 0.2
READY_S = 120.0


class Failed(Exception):
    """A command or a request failed; says which."""


@dataclass
class Cluster:
    """A cluster in a folder that holds its registry and its state; `port` begins a row of 13."""

    folder: Path
    port: int
    _files: int = field(default=0)

    @property
    def registry(self) -> Path:
        """Where its versions are."""
        return self.folder / "registry"

    def __enter__(self) -> Cluster:
        self.run("cluster", "start", f"--http-port={self.port}",
                 f"--dashboard-port={self.port + 1}", f"--internal-ports={self.port + 2}",
                 "--drain-s=1")  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.run("cluster", "stop")

    def run(self, *arguments: str) -> str:
        """What `serve-app` printed.

        Raises:
            Failed: it ended with another code than 0; says what it printed.
        """
        done = subprocess.run(
            [str(Path(sys.executable).with_name("serve-app")), *arguments],
            capture_output=True, text=True, check=False, cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"serve-app {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Deploy a config on this cluster's ports, and wait until it is in effect.

        Raises:
            Failed: it could not be; says why.
        """
        body = {**config, "http_options": {"host": "127.0.0.1", "port": self.port}}
        self._files += 1
        file = self.folder / f"config-{self._files}.yaml"
        file.write_text(yaml.safe_dump(body, sort_keys=False))
        self.run("deploy", file.name)

    def applications(self) -> dict[str, Any]:
        """Serve's own description of what is deployed."""
        url = f"http://127.0.0.1:{self.port + 1}/api/serve/applications/"
        found: dict[str, Any] = web.get(url, keys=("applications",))["applications"]
        return found

    def settled(self, name: str, replicas: int) -> None:
        """Wait until an application has so many replicas and wants no others.

        Raises:
            Failed: it does not in two minutes; says how many it has.
        """
        deadline = time.monotonic() + READY_S
        while True:
            found = counts(self.applications()).get(name)
            if found == Count(replicas, replicas):
                return
            if time.monotonic() > deadline:
                raise Failed(f"{name} has {found} after {READY_S:.0f} s, not {replicas} replicas")
            time.sleep(POLL_S)
