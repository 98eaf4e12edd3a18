"""From an endpoint as people name it, by one version, to its settings, and to an endpoint."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from serve_app.cluster.node import Running
from serve_app.core.reference import alias_of, is_model
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import Conflict, InvalidInput
from serve_app.gateway.admin.actions import NewEndpoint
from serve_app.registry.named import named
from serve_app.registry.store import Registry
from serve_app.serving.deploying import changes, declaration


def check_name(name: str) -> None:
    """Let pass what an endpoint can be called.

    Raises:
        InvalidInput: it cannot have this name; says which it can.
    """
    if not is_model(name):
        msg = (
            f"{name[:80]!r} cannot name an endpoint: use lower-case letters, digits, - and _, "
            "at most 63 of them, the first a letter or a digit"
        )
        raise InvalidInput(msg, name=name)


def resolved(store: Registry, wanted: NewEndpoint) -> NewEndpoint:
    """The same endpoint with each of its versions by its number, or by the alias as written.

    Raises:
        NotFound: a version is not registered; names those that are.
        InvalidInput: what is written names none.
    """
    return replace(
        wanted,
        model=_version(store, wanted.model),
        preprocess=wanted.preprocess and _version(store, wanted.preprocess),
        fallback=wanted.fallback and _version(store, wanted.fallback),
    )


def added(running: Running, name: str, wanted: NewEndpoint, wait: changes.Wait) -> str:
    """Add an endpoint to what is deployed, and give the version that answers, as it is shown.

    The caller holds other deploys back (`changes.alone`).

    Raises:
        InvalidInput: it cannot have this name.
        Conflict: there is one of this name, and it may not be replaced.
        NotFound: a version is not registered.
        ConfigError: it does not fit; names everything that is wrong.
    """
    check_name(name)
    deployed = changes.deployed(running)
    former = declaration.endpoints(deployed).get(name)
    if former is not None and not wanted.replace:
        raise taken(name)
    store = open_registry(changes.registry_of(running, deployed) or "./registry")
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
        _settings(store, wanted, former if wanted.keeps_settings else None),
        base,
        allow_pickle=wanted.allow_pickle,
        wait=wait,
    )
    alias = alias_of(wanted.model)
    followed = f"{manifest.name}@{alias} → {manifest.version}"
    return manifest.reference if alias is None else followed


def taken(name: str) -> Conflict:
    """That there is an endpoint of this name, and what to do."""
    msg = f"there is an endpoint {name!r}; with --replace (PUT) this one takes its place"
    return Conflict(msg, name=name)


def _version(store: Registry, reference: str) -> str:
    """A version that is registered, as it is declared: an alias stays one, which is followed."""
    manifest = store.manifest(*named(store, reference))
    return f"{manifest.name}@{alias_of(reference) or manifest.version}"


def _settings(
    store: Registry, wanted: NewEndpoint, former: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The settings of an endpoint, or `former` ones by which another version answers.

    Raises:
        Conflict: by the former settings several versions answer.
    """
    model = _version(store, wanted.model)
    if former is not None:
        if former["route"].get("kind") != "single":
            raise Conflict("several versions answer for it; change their weights instead")
        return {**former, "route": {**former["route"], "model": model}}
    settings: dict[str, Any] = {
        "placement": wanted.placement,
        "route": {"kind": "single", "model": model},
    }
    if wanted.managed:
        settings["managed"] = True
    if wanted.preprocess is not None:
        before = store.manifest(*named(store, wanted.preprocess))
        # Gateways load no pickles, wherever the model itself computes.
        placement = "replicas" if before.needs_consent else "inline"
        settings["preprocess"] = {
            "model": _version(store, wanted.preprocess),
            "placement": placement,
        }
    if wanted.fallback is not None:
        settings["fallback"] = _version(store, wanted.fallback)
    if wanted.timeout_s is not None:
        settings["timeout_s"] = wanted.timeout_s
    return settings
