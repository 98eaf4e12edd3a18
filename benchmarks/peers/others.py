"""The servers of others, each as its documentation shows it."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.peers import dialects
from benchmarks.peers.environments import PEERS, REPOSITORY, Environment
from benchmarks.peers.peer import CORES, EACH, Launch, Peer, Place, filled, run, uvicorn, variables

FASTAPI = Environment("fastapi")
BENTOML = Environment("bentoml")
MLSERVER = Environment("mlserver")
LITSERVE = Environment("litserve")
MLFLOW = Environment("mlflow")
RAY_SERVE = Environment("ray_serve")
RAY_GRPC_AFTER = 15


def _fastapi(workers: int) -> Callable[[Place], Launch]:
    return lambda place: Launch((uvicorn(FASTAPI, place, workers),), variables(place, workers))


def _bentoml(*, batched: bool) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        command = (
            *(BENTOML.script("bentoml"), "serve", "server:Census"),
            *("--working-dir", str(PEERS / "bentoml")),
            *("--host", "127.0.0.1", "--port", str(place.port)),
        )
        given = {
            **variables(place, CORES, batched=batched),
            "BENTOML_HOME": str(place.scratch),
            "BENTOML_DO_NOT_TRACK": "True",
        }
        return Launch((command,), given)

    return launch


def _litserve(*, batched: bool) -> Callable[[Place], Launch]:
    script = str(PEERS / "litserve" / "server.py")
    return lambda place: Launch(
        ((LITSERVE.script("python"), script),), variables(place, CORES, batched=batched)
    )


def _ray_serve(*, batched: bool) -> Callable[[Place], Launch]:
    script = str(PEERS / "ray_serve" / "server.py")
    return lambda place: Launch(
        ((RAY_SERVE.script("python"), script),),
        {
            **variables(place, CORES, batched=batched),
            "BENCH_GRPC_PORT": str(place.port + RAY_GRPC_AFTER),
            # Of this project it uses the messages of the Open Inference Protocol, nothing else.
            "PYTHONPATH": str(REPOSITORY),
            "RAY_USAGE_STATS_ENABLED": "0",
            # By default its workers wait for the load generator, as those of no other server do.
            "RAY_worker_niceness": "0",
            "RAY_AUTH_MODE": "disabled",
        },
    )


def _mlserver(*, batched: bool) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        filled(
            PEERS / "mlserver" / "settings.json",
            place.scratch / "settings.json",
            port=place.port,
            port_2=place.port + 1,
            port_3=place.port + 2,
            workers=CORES,
        )
        filled(
            PEERS / "mlserver" / "model-settings.json",
            place.scratch / "model-settings.json",
            model=place.model.joblib,
            max_batch_size=64 if batched else 0,
            max_batch_time=0.001 if batched else 0,
        )
        command = (MLSERVER.script("mlserver"), "start", str(place.scratch))
        return Launch((command,), variables(place, CORES))

    return launch


def _store(place: Place) -> None:
    script = str(PEERS / "mlflow" / "store.py")
    run(MLFLOW, "python", script, str(place.model.joblib), str(place.kept / "model"))


def _mlflow(place: Place) -> Launch:
    command = (
        *(MLFLOW.script("mlflow"), "models", "serve", "--model-uri", str(place.kept / "model")),
        *("--env-manager", "local", "--workers", str(CORES)),
        *("--host", "127.0.0.1", "--port", str(place.port)),
    )
    return Launch((command,), variables(place, CORES))


OTHERS = (
    Peer("fastapi-1", FASTAPI, dialects.INSTANCES, _fastapi(1), "1 worker"),
    Peer("fastapi-2", FASTAPI, dialects.INSTANCES, _fastapi(2), "2 workers"),
    Peer("bentoml", BENTOML, dialects.BENTOML, _bentoml(batched=False), EACH),
    Peer(
        "bentoml-batched",
        BENTOML,
        dialects.BENTOML,
        _bentoml(batched=True),
        f"{EACH}, adaptive batching",
    ),
    Peer("mlserver", MLSERVER, dialects.TENSORS, _mlserver(batched=False), EACH, grpc_after=1),
    Peer(
        "mlserver-batched",
        MLSERVER,
        dialects.TENSORS,
        _mlserver(batched=True),
        f"{EACH}, adaptive batching",
        grpc_after=1,
    ),
    Peer("litserve", LITSERVE, dialects.INSTANCES, _litserve(batched=False), EACH),
    Peer(
        "litserve-batched",
        LITSERVE,
        dialects.INSTANCES,
        _litserve(batched=True),
        f"{EACH}, batches without a wait",
    ),
    Peer("mlflow", MLFLOW, dialects.MLFLOW, _mlflow, EACH, prepare=_store),
    Peer(
        "ray-serve",
        RAY_SERVE,
        dialects.INSTANCES,
        _ray_serve(batched=False),
        f"{CORES} replicas",
        grpc_after=RAY_GRPC_AFTER,
    ),
    Peer(
        "ray-serve-batched",
        RAY_SERVE,
        dialects.INSTANCES,
        _ray_serve(batched=True),
        f"{CORES} replicas, serve.batch",
        grpc_after=RAY_GRPC_AFTER,
    ),
)
