"""From a registered version to its first answer over HTTP, whatever runs already."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from serve_app.cluster import web
from serve_app.cluster.environment import Ports
from serve_app.cluster.node import Cluster, NodeOptions, Running
from serve_app.config import ControlSettings
from serve_app.config.registry import registry_settings
from serve_app.control.declare import declare
from serve_app.core import reference as references
from serve_app.errors import ConfigError, Conflict
from serve_app.registry.store import Registry
from serve_app.serving.deploying import declaration
from serve_app.serving.deploying.consent import check_consent

if TYPE_CHECKING:
    import pandas as pd

    from serve_app.registry.manifest import Manifest

Placement = Literal["inline", "replicas"]
CHANGES = "serve_app.serving.deploying.changes"
"""It takes a second to import, in which Ray can start."""
LONGEST_BODY = 4_000
"""Characters of a request that still can be copied; longer ones are kept in a file."""


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is served: its registry, the cluster's folder and ports, and how.

    Without a placement, an endpoint keeps the one that it has, and a new one computes inline
    where gateways may load its version. `allow_pickle` lets replicas load pickles. A cluster
    that is started has all of Ray with `full`.
    """

    registry: str = "./registry"
    state: Path = Path("./state")
    ports: Ports = field(default_factory=Ports)
    placement: Placement | None = None
    allow_pickle: bool = False
    timeout_s: float = 180.0
    full: bool = False

    @property
    def options(self) -> NodeOptions:
        """How a cluster is started where none runs."""
        return NodeOptions(ports=self.ports, home=Path.cwd(), full=self.full)


@dataclass(frozen=True, slots=True)
class Served:
    """A version that answers: the endpoint's name, a request, and what was answered."""

    endpoint: str
    version: str
    url: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    documentation_url: str
    dashboard_url: str
    body_file: Path

    @property
    def curl(self) -> str:
        """The request as a line for a shell."""
        body = json.dumps(self.request)
        given = shlex.quote(body if len(body) <= LONGEST_BODY else f"@{self.body_file}")
        return f"curl -s {self.url} -H 'content-type: application/json' -d {given}"

    def __str__(self) -> str:
        return f"{self.endpoint} is answered by {self.version}:\n{self.curl}"


def serve(
    name: str,
    estimator: Any,
    frame: pd.DataFrame,
    truth: Any = None,
    *,
    place: Place | None = None,
    tell: Callable[[str], None] = _silent,
) -> Served:
    """Register a fitted estimator with the frame it was fitted on, serve it, and ask it one row.

    With `truth`, the target of the frame's rows, it is evaluated too. A cluster is started where
    none runs; where one does, all else goes on answering.

    Raises:
        Conflict: a port is taken, or the endpoint is one of several versions.
        InvalidInput: the estimator cannot be registered; says why.
        ServeError: as `serve_version` does.
    """
    # scikit-learn and XGBoost, which nobody needs whose model is registered.
    from serve_app.engine.registration.register import Candidate, register  # noqa: PLC0415

    wanted = place or Place()
    check_free(name, wanted)
    candidate = Candidate(name, estimator, frame, truth=truth, evaluate=truth is not None)
    manifest = register(Registry(wanted.registry), candidate, allow_pickle=wanted.allow_pickle)
    return serve_version(manifest, wanted, tell)


def check_free(name: str, place: Place) -> None:
    """Let a name pass under which one version can be served, with a cluster to do it.

    Raises:
        InvalidInput: it cannot be a name.
        Conflict: a port that the cluster needs is taken, or the endpoint is declared with several
            versions, or what runs uses another registry.
    """
    references.check_model(name)
    cluster = Cluster(place.state)
    running = cluster.running()
    if running is None:
        cluster.check_startable(place.options)
        return
    from serve_app.serving.deploying import changes  # noqa: PLC0415

    config = changes.deployed(running)
    given = changes.registry_of(running, config)
    used = None if given is None else registry_settings(given).url
    ours = _located(place.registry)
    if used not in {None, ours}:
        msg = (
            f"the endpoints of this cluster are served from the registry {used}, not from {ours}; "
            "give that one with --registry, or another cluster with --state"
        )
        raise Conflict(msg)
    kind = _settings(config, name).get("route", {}).get("kind", "single")
    if kind != "single":
        msg = (
            f"endpoint {name!r} is declared with several versions (route {kind!r}), so that it is "
            "not clear which of them a new one would stand for; nothing was changed. Register it "
            f"with: serve-app register {name} …, name it in the config's route, and deploy that. "
            f"Or let one version alone answer: serve-app endpoints add {name} --replace "
            f"--model {name}@…"
        )
        raise Conflict(msg, kind=kind)


def serve_version(
    manifest: Manifest,
    place: Place,
    tell: Callable[[str], None] = _silent,
    *,
    alias: str | None = None,
) -> Served:
    """Serve a registered version under its model's name, and ask it one row.

    With `alias`, which names it now, the endpoint follows that.

    Raises:
        ConfigError: it cannot be served like this; says what to do, and nothing was changed.
        ServerFault: an application failed; what was deployed before is again, or nothing.
        NotReady: it did not answer in time; likewise.
    """
    cluster = Cluster(place.state)
    already = cluster.running()
    settings = _wanted(manifest, already, place)
    if alias is not None:
        settings["route"]["model"] = f"{manifest.name}@{alias}"
    _check(manifest, settings, place)
    tell("starting Ray" if already is None else "changing what is deployed")
    threading.Thread(target=import_module, args=(CHANGES,), name="import", daemon=True).start()
    running = cluster.start(place.options)
    try:
        _add(running, manifest, settings, place, tell)
        return _ask_a_row(running, manifest, place)
    except BaseException:
        if already is None:
            tell("it failed: stopping the cluster again")
            cluster.stop()
        raise


def _wanted(manifest: Manifest, running: Running | None, place: Place) -> dict[str, Any]:
    """The settings of an endpoint: those that it has, with this version."""
    config: Mapping[str, Any] = {"applications": []}
    if running is not None:
        config = declaration.from_serve(running.dashboard.serve_details())
    settings = dict(_settings(config, manifest.name))
    if place.placement is not None:
        settings["placement"] = place.placement
    elif not settings:
        # Gateways load no pickles: one of a new endpoint gets a process of its own.
        settings["placement"] = "replicas" if manifest.needs_consent else "inline"
    return {**settings, "route": {"kind": "single", "model": manifest.reference}}


def _settings(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = declaration.endpoints(config).get(name, {})
    return settings


def _check(manifest: Manifest, settings: Mapping[str, Any], place: Place) -> None:
    """Whether an endpoint of these settings can stand, before anything is started for it."""
    store = Registry(place.registry)
    check_consent(store, settings, allow_pickle=place.allow_pickle)
    wanted = ControlSettings.model_validate({"endpoints": {manifest.name: settings}})
    problems = declare(wanted, store.manifest, store.resolve).problems
    if problems:
        listed = "; ".join(problem.message for problem in problems)
        msg = f"{manifest.reference} cannot be served like this: {listed}"
        raise ConfigError(msg)


def _add(
    running: Running,
    manifest: Manifest,
    settings: Mapping[str, Any],
    place: Place,
    tell: Callable[[str], None],
) -> None:
    from serve_app.serving.deploying import changes  # noqa: PLC0415

    wait = changes.Wait(place.timeout_s, tell)
    with changes.alone(running, f"serve {manifest.name}", wait):
        base = declaration.with_base(
            changes.deployed(running),
            changes.path_at_home(running, place.registry),
            changes.path_at_home(running, str(place.state)),
            running.http_port,
        )
        changes.add_endpoint(
            running, manifest.name, settings, base, allow_pickle=place.allow_pickle, wait=wait
        )


def _ask_a_row(running: Running, manifest: Manifest, place: Place) -> Served:
    """Ask what the endpoint's documentation gives as its example: a row of the stored sample."""
    path = f"/v1/models/{manifest.name}:predict"
    url = f"{running.http_url}{path}"
    document = web.get(f"{running.http_url}/openapi.json")
    content = document["paths"][path]["post"]["requestBody"]["content"]
    request = content["application/json"]["example"]
    served = Served(
        endpoint=manifest.name,
        version=manifest.reference,
        url=url,
        request=request,
        answer=web.post(url, request),
        documentation_url=f"{running.http_url}/docs",
        dashboard_url=running.dashboard_url,
        body_file=place.state / f"{manifest.name}-row.json",
    )
    if f"@{served.body_file}" in served.curl:
        served.body_file.write_text(json.dumps(request))
    return served


def _located(registry: str) -> str:
    return registry if "://" in registry else str(Path(registry).resolve())
