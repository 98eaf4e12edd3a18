"""This project as it is measured: models in gateways or replicas, in each way to ask them."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from benchmarks.peers import dialects
from benchmarks.peers.environments import PEERS, Environment
from benchmarks.peers.peer import CORES, FOLDER_NAME, Launch, Peer, Place, filled, run

SERVE_APP = Environment("serve_app")
GRPC_AFTER = 15
_NAMES = {
    (): "",
    ("express",): "-express",
    ("express", "sockets"): "-sockets",
}


def _register(place: Place) -> None:
    """Register the model once, as a user does."""
    registry = place.kept / "registry"
    shutil.rmtree(registry, ignore_errors=True)
    place.kept.mkdir(parents=True, exist_ok=True)
    run(
        SERVE_APP,
        *("serve-app", "register", FOLDER_NAME, str(place.model.skops)),
        *("--data", str(place.model.data), "--target", "income", "--no-evaluate"),
        *("--registry", str(registry)),
        cwd=place.kept,
    )


def _serve_app(template: str, switched_on: tuple[str, ...]) -> Callable[[Place], Launch]:
    def launch(place: Place) -> Launch:
        state = place.scratch / "state"
        config = filled(
            PEERS / "serve_app" / template,
            place.scratch / "config.yaml",
            port=place.port,
            grpc_port=place.port + GRPC_AFTER,
            registry=place.kept / "registry",
            state=state,
            workers=CORES,
            express=str("express" in switched_on).lower(),
            sockets=str("sockets" in switched_on).lower(),
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


def _peer(placement: str, settings: str, *switched_on: str) -> Peer:
    return Peer(
        f"serve-app-{placement}{_NAMES[switched_on]}",
        SERVE_APP,
        dialects.OWN,
        _serve_app(f"{placement}.yaml", switched_on),
        " + ".join([settings, *switched_on]),
        kind="ours",
        prepare=_register,
        bulk=dialects.TENSORS,
        http2=True,
        grpc_after=GRPC_AFTER,
    )


_INLINE = f"{CORES} gateways that compute"
_REPLICAS = "1 gateway, 1 replica"
OURS = (
    _peer("inline", _INLINE),
    _peer("inline", _INLINE, "express"),
    _peer("replicas", _REPLICAS),
    _peer("replicas", _REPLICAS, "express"),
    _peer("replicas", _REPLICAS, "express", "sockets"),
)
