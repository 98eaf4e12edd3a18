"""Every server that is measured: how it is prepared, started and stopped."""

from __future__ import annotations

import os
import shutil
import string
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import dialects
from benchmarks.peers.dialects import Dialect
from benchmarks.peers.environments import PEERS, Environment
from benchmarks.peers.model import Stored

CORES = os.cpu_count() or 1
BULK_ROWS = 100
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
FOLDER_NAME = "census"


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
    """

    name: str
    environment: Environment
    dialect: Dialect
    launch: Callable[[Place], Launch]
    settings: str
    kind: str = "peer"
    prepare: Callable[[Place], None] | None = None
    bulk: Dialect | None = None

    def speaks(self, rows: int) -> Dialect:
        """The dialect for bodies of so many rows."""
        return self.dialect if rows < BULK_ROWS or self.bulk is None else self.bulk


def _run(environment: Environment, *command: str, cwd: Path | None = None) -> None:
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


def _filled(template: Path, target: Path, **values: object) -> Path:
    """Write a template with its `$names` filled in."""
    text = string.Template(template.read_text())
    target.write_text(text.substitute({name: str(value) for name, value in values.items()}))
    return target


def _variables(place: Place, workers: int, *, batched: bool = False) -> dict[str, str]:
    return {
        "BENCH_PORT": str(place.port),
        "BENCH_MODEL": str(place.model.joblib),
        "BENCH_WORKERS": str(workers),
        "BENCH_BATCHED": "1" if batched else "0",
        "BENCH_TEMPORARY": str(place.scratch),
    }


SERVE_APP = Environment("serve_app")
FASTAPI = Environment("fastapi")
BENTOML = Environment("bentoml")
MLSERVER = Environment("mlserver")
LITSERVE = Environment("litserve")
MLFLOW = Environment("mlflow")
RAY_SERVE = Environment("ray_serve")
CEILING = Environment("ceiling")


def _register(place: Place) -> None:
    """Register the model once, as a user does."""
    registry = place.kept / "registry"
    shutil.rmtree(registry, ignore_errors=True)
    place.kept.mkdir(parents=True, exist_ok=True)
    _run(
        SERVE_APP,
        *("serve-app", "register", FOLDER_NAME, str(place.model.skops)),
        *("--data", str(place.model.data), "--target", "income", "--no-evaluate"),
        *("--registry", str(registry)),
        cwd=place.kept,
    )


def _serve_app(template: str) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        state = place.scratch / "state"
        config = _filled(
            PEERS / "serve_app" / template,
            place.scratch / "config.yaml",
            port=place.port,
            registry=place.kept / "registry",
            state=state,
            workers=CORES,
        )
        command = SERVE_APP.script("serve-app")
        ports = [f"--http-port={place.port}", f"--dashboard-port={place.port + 1}"]
        ports += [f"--internal-ports={place.port + 2}"]
        return Launch(
            commands=(
                (command, "cluster", "start", f"--state={state}", *ports),
                (command, "deploy", str(config), f"--state={state}"),
            ),
            stop=(command, "cluster", "stop", f"--state={state}"),
            returns=True,
        )

    return launch


def _uvicorn(environment: Environment, place: Place, workers: int) -> tuple[str, ...]:
    return (
        *(environment.script("python"), "-m", "uvicorn", "server:app"),
        *("--app-dir", str(PEERS / environment.name)),
        *("--host", "127.0.0.1", "--port", str(place.port), "--workers", str(workers)),
        *("--loop", "uvloop", "--http", "httptools"),
        *("--no-access-log", "--log-level", "warning"),
    )


def _fastapi(workers: int) -> Callable[[Place], Launch]:
    return lambda place: Launch((_uvicorn(FASTAPI, place, workers),), _variables(place, workers))


def _convert(place: Place) -> None:
    script = str(PEERS / "ceiling" / "convert.py")
    _run(CEILING, "python", script, str(place.model.joblib), str(place.kept))


def _ceiling(place: Place) -> Launch:
    variables = {**_variables(place, CORES), "BENCH_ONNX": str(place.kept)}
    return Launch((_uvicorn(CEILING, place, CORES),), variables)


def _bentoml(*, batched: bool) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        command = (
            *(BENTOML.script("bentoml"), "serve", "server:Census"),
            *("--working-dir", str(PEERS / "bentoml")),
            *("--host", "127.0.0.1", "--port", str(place.port)),
        )
        variables = {
            **_variables(place, CORES, batched=batched),
            "BENTOML_HOME": str(place.scratch),
            "BENTOML_DO_NOT_TRACK": "True",
        }
        return Launch((command,), variables)

    return launch


def _litserve(*, batched: bool) -> Callable[[Place], Launch]:
    script = str(PEERS / "litserve" / "server.py")
    return lambda place: Launch(
        ((LITSERVE.script("python"), script),), _variables(place, CORES, batched=batched)
    )


def _ray_serve(*, batched: bool) -> Callable[[Place], Launch]:
    script = str(PEERS / "ray_serve" / "server.py")
    return lambda place: Launch(
        ((RAY_SERVE.script("python"), script),),
        {
            **_variables(place, CORES, batched=batched),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
        },
    )


def _mlserver(*, batched: bool) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        _filled(
            PEERS / "mlserver" / "settings.json",
            place.scratch / "settings.json",
            port=place.port,
            port_2=place.port + 1,
            port_3=place.port + 2,
            workers=CORES,
        )
        _filled(
            PEERS / "mlserver" / "model-settings.json",
            place.scratch / "model-settings.json",
            model=place.model.joblib,
            max_batch_size=64 if batched else 0,
            max_batch_time=0.001 if batched else 0,
        )
        command = (MLSERVER.script("mlserver"), "start", str(place.scratch))
        return Launch((command,), _variables(place, CORES))

    return launch


def _store(place: Place) -> None:
    script = str(PEERS / "mlflow" / "store.py")
    _run(MLFLOW, "python", script, str(place.model.joblib), str(place.kept / "model"))


def _mlflow(place: Place) -> Launch:
    command = (
        *(MLFLOW.script("mlflow"), "models", "serve", "--model-uri", str(place.kept / "model")),
        *("--env-manager", "local", "--workers", str(CORES)),
        *("--host", "127.0.0.1", "--port", str(place.port)),
    )
    return Launch((command,), _variables(place, CORES))


_EACH = f"{CORES} workers"

ALL = (
    Peer(
        "serve-app-inline",
        SERVE_APP,
        dialects.OWN,
        _serve_app("inline.yaml"),
        f"{CORES} gateways that compute",
        kind="ours",
        prepare=_register,
        bulk=dialects.TENSORS,
    ),
    Peer(
        "serve-app-replicas",
        SERVE_APP,
        dialects.OWN,
        _serve_app("replicas.yaml"),
        "1 gateway, 1 replica",
        kind="ours",
        prepare=_register,
        bulk=dialects.TENSORS,
    ),
    Peer("fastapi-1", FASTAPI, dialects.INSTANCES, _fastapi(1), "1 worker"),
    Peer("fastapi-2", FASTAPI, dialects.INSTANCES, _fastapi(2), "2 workers"),
    Peer("bentoml", BENTOML, dialects.BENTOML, _bentoml(batched=False), _EACH),
    Peer(
        "bentoml-batched",
        BENTOML,
        dialects.BENTOML,
        _bentoml(batched=True),
        f"{_EACH}, adaptive batching",
    ),
    Peer("mlserver", MLSERVER, dialects.TENSORS, _mlserver(batched=False), _EACH),
    Peer(
        "mlserver-batched",
        MLSERVER,
        dialects.TENSORS,
        _mlserver(batched=True),
        f"{_EACH}, adaptive batching",
    ),
    Peer("litserve", LITSERVE, dialects.INSTANCES, _litserve(batched=False), _EACH),
    Peer(
        "litserve-batched",
        LITSERVE,
        dialects.INSTANCES,
        _litserve(batched=True),
        f"{_EACH}, batches without a wait",
    ),
    Peer("mlflow", MLFLOW, dialects.MLFLOW, _mlflow, _EACH, prepare=_store),
    Peer(
        "ray-serve",
        RAY_SERVE,
        dialects.INSTANCES,
        _ray_serve(batched=False),
        f"{CORES} replicas",
    ),
    Peer(
        "ray-serve-batched",
        RAY_SERVE,
        dialects.INSTANCES,
        _ray_serve(batched=True),
        f"{CORES} replicas, serve.batch",
    ),
    Peer("ceiling", CEILING, dialects.INSTANCES, _ceiling, _EACH, kind="ceiling", prepare=_convert),
)
"""In the order in which each round measures them."""


def chosen(names: str | None) -> tuple[Peer, ...]:
    """The servers of a list with commas between; all when there is none.

    Raises:
        ValueError: a name is unknown; says which there are.
    """
    if names is None:
        return ALL
    wanted = [name.strip() for name in names.split(",")]
    known = {peer.name: peer for peer in ALL}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"no server {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in wanted)
