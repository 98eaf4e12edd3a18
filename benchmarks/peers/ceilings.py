"""What is written by hand for this one model, behind several HTTP servers and gRPC."""

from __future__ import annotations

from benchmarks.peers import dialects
from benchmarks.peers.environments import PEERS, REPOSITORY, Environment
from benchmarks.peers.peer import CORES, EACH, Launch, Peer, Place, run, uvicorn, variables

CEILING = Environment("ceiling")
GRPC_AFTER = 15


def _convert(place: Place) -> None:
    script = str(PEERS / "ceiling" / "convert.py")
    run(CEILING, "python", script, str(place.model.joblib), str(place.kept))


def _ceiling(place: Place) -> Launch:
    given = {
        **_variables(place),
        "BENCH_GRPC_PORT": str(place.port + GRPC_AFTER),
    }
    return Launch((uvicorn(CEILING, place, CORES),), given)


def _granian(place: Place) -> Launch:
    command = (
        *(CEILING.script("granian"), "--interface", "rsgi", "rsgi:app"),
        *("--working-dir", str(PEERS / "ceiling")),
        *("--host", "127.0.0.1", "--port", str(place.port), "--workers", str(CORES)),
        *("--loop", "uvloop", "--runtime-mode", "st", "--no-access-log", "--log-level", "warning"),
    )
    return Launch((command,), _variables(place))


def _robyn(place: Place) -> Launch:
    command = (
        *(CEILING.script("python"), str(PEERS / "ceiling" / "robyn_server.py")),
        *("--processes", str(CORES), "--workers", "1", "--log-level", "WARN"),
    )
    return Launch((command,), _variables(place))


def _variables(place: Place) -> dict[str, str]:
    return {
        **variables(place, CORES),
        "BENCH_ONNX": str(place.kept),
        # Of this project they use the messages of the Open Inference Protocol, and nothing else.
        "PYTHONPATH": str(REPOSITORY),
    }


CEILINGS = (
    Peer(
        "ceiling",
        CEILING,
        dialects.INSTANCES,
        _ceiling,
        f"{EACH} of uvicorn, gRPC by grpc.aio",
        kind="ceiling",
        prepare=_convert,
        grpc_after=GRPC_AFTER,
    ),
    Peer(
        "ceiling-granian",
        CEILING,
        dialects.INSTANCES,
        _granian,
        f"{EACH} of granian, RSGI",
        kind="ceiling",
        prepare=_convert,
        http2=True,
    ),
    Peer(
        "ceiling-robyn",
        CEILING,
        dialects.INSTANCES,
        _robyn,
        f"{CORES} processes of robyn",
        kind="ceiling",
        prepare=_convert,
    ),
)
