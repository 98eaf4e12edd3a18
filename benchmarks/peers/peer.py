"""What a server is to the benchmark, and what preparing and starting one needs."""

from __future__ import annotations

import os
import string
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.dialects import Dialect
from benchmarks.peers.environments import PEERS, Environment
from benchmarks.peers.model import Stored

CORES = os.cpu_count() or 1
BULK_ROWS = 100
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
FOLDER_NAME = "census"
EACH = f"{CORES} workers"


class NotPrepared(Exception):
    """The model could not be given to a server; says what it said."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs: its ports, the model, files that stay and files of one start."""

    port: int
    model: Stored
    kept: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Launch:
    """Commands that run one after the other; the last one stays unless `returns`."""

    commands: tuple[tuple[str, ...], ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """A server; `kind` is ours, peer or ceiling, and `settings` says how it is tuned.

    It is asked in `dialect`, and for many rows at once in `bulk` where it speaks one for that.
    `http2` says whether its port speaks HTTP/2 without TLS too, `grpc_after` how far after that
    port the one is where it speaks the Open Inference Protocol over gRPC, if it does.
    """

    name: str
    environment: Environment
    dialect: Dialect
    launch: Callable[[Place], Launch]
    settings: str
    kind: str = "peer"
    prepare: Callable[[Place], None] | None = None
    bulk: Dialect | None = None
    http2: bool = False
    grpc_after: int | None = None

    def speaks(self, rows: int) -> Dialect:
        """The dialect for bodies of so many rows."""
        return self.dialect if rows < BULK_ROWS or self.bulk is None else self.bulk


def run(environment: Environment, *command: str, cwd: Path | None = None) -> None:
    """Run a command of an environment that prepares something."""
    done = subprocess.run(
        [environment.script(command[0]), *command[1:]],
        cwd=cwd,
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-1500:]
        raise NotPrepared(f"{environment.name}: {command[0]} failed: {said}")


def filled(template: Path, target: Path, **values: object) -> Path:
    """Write a template with its `$names` filled in."""
    text = string.Template(template.read_text())
    target.write_text(text.substitute({name: str(value) for name, value in values.items()}))
    return target


def variables(place: Place, workers: int, *, batched: bool = False) -> dict[str, str]:
    """What server files of this benchmark read of their environment."""
    return {
        "BENCH_PORT": str(place.port),
        "BENCH_MODEL": str(place.model.joblib),
        "BENCH_WORKERS": str(workers),
        "BENCH_BATCHED": "1" if batched else "0",
        "BENCH_TEMPORARY": str(place.scratch),
    }


def uvicorn(environment: Environment, place: Place, workers: int) -> tuple[str, ...]:
    """The command of an ASGI application under uvicorn."""
    return (
        *(environment.script("python"), "-m", "uvicorn", "server:app"),
        *("--app-dir", str(PEERS / environment.name)),
        *("--host", "127.0.0.1", "--port", str(place.port), "--workers", str(workers)),
        *("--loop", "uvloop", "--http", "httptools"),
        *("--no-access-log", "--log-level", "warning"),
    )
