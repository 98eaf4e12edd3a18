"""What `serve-app endpoints add` makes of its options: the settings of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serve_app.cluster.node import Running
from serve_app.core.reference import is_model
from serve_app.errors import Conflict, InvalidInput
from serve_app.registry.manifest import Manifest
from serve_app.registry.named import named
from serve_app.registry.store import Registry
from serve_app.serving.deploying import changes, declaration


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of an endpoint; versions as people write them."""

    model: str
    placement: str
    preprocess: str | None
    fallback: str | None
    answer_within_s: float | None
    allow_pickle: bool
    replace: bool


def added(running: Running, name: str, wanted: Wanted, wait: changes.Wait) -> str:
    """Add an endpoint to what is deployed, and give the version that answers.

    Raises:
        InvalidInput: it cannot have this name.
        Conflict: there is one of this name.
        NotFound: a version is not registered.
        ConfigError: it does not fit; names everything that is wrong.
    """
    if not is_model(name):
        msg = (
            f"{name!r} cannot name an endpoint: use lower-case letters, digits, - and _, "
            "at most 63 of them, the first a letter or a digit"
        )
        raise InvalidInput(msg, name=name)
    with changes.alone(running, f"endpoints add {name}", wait):
        deployed = changes.deployed(running)
        former = declaration.endpoints(deployed).get(name)
        if former is not None and not wanted.replace:
            msg = f"there is an endpoint {name!r}; with --replace this one takes its place"
            raise Conflict(msg)
        store = Registry(changes.registry_of(running, deployed) or "./registry")
        manifest = store.manifest(*named(store, wanted.model))
        base = declaration.with_base(
            deployed,
            changes.path_at_home(running, "./registry"),
            changes.path_at_home(running, "./state"),
            running.http_port,
        )
        changes.add_endpoint(
            running,
            name,
            _settings(store, manifest, wanted),
            base,
            allow_pickle=wanted.allow_pickle,
            wait=wait,
        )
    return manifest.reference


def _settings(store: Registry, manifest: Manifest, wanted: Wanted) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "placement": wanted.placement,
        "route": {"kind": "single", "model": manifest.reference},
    }
    if wanted.preprocess is not None:
        before = store.manifest(*named(store, wanted.preprocess))
        # Gateways load no pickles, wherever the model itself computes.
        placement = "replicas" if before.needs_consent else "inline"
        settings["preprocess"] = {"model": before.reference, "placement": placement}
    if wanted.fallback is not None:
        model, number = named(store, wanted.fallback)
        settings["fallback"] = f"{model}@{number}"
    if wanted.answer_within_s is not None:
        settings["timeout_s"] = wanted.answer_within_s
    return settings
