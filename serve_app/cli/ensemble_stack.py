"""`serve-app ensemble stack`: a meta-model over what the members of an ensemble say."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from serve_app.core.columns import Columns
    from serve_app.core.snapshot import Endpoint
    from serve_app.engine.stack_training import TrainedStack

    Rows = Callable[[Path, str, Endpoint], tuple[Columns, list[Any]]]


@dataclass(frozen=True, slots=True)
class Stacking:
    """For which endpoint a meta-model is trained, from what, and which model it becomes."""

    config: Path
    endpoint: str
    data: str
    target: str
    name: str
    with_columns: tuple[str, ...]


def stack(wanted: Stacking, registry: str, rows_of: Rows, *, as_json: bool) -> None:
    """Train a meta-model, register it, and tell what the config has to say.

    Raises:
        ServeError: it cannot be trained or registered; says why.
    """
    from serve_app.cli.registries import open_registry
    from serve_app.core.stacking import Member
    from serve_app.engine.load import load
    from serve_app.engine.registration.register import Candidate, register
    from serve_app.engine.stack_training import trained_stack

    store = open_registry(registry)
    spec = _endpoint(wanted, store)
    data = Path(wanted.data)
    rows = rows_of(data, wanted.target, spec)
    manifests = [store.manifest(*store.resolve(one.version)) for one in spec.variants]
    members = [Member(one.reference, one.signature.output) for one in manifests]

    def model_of(version: str) -> Any:
        return load(store, *store.resolve(version)).model

    trained = trained_stack(spec, members, rows, model_of, with_columns=wanted.with_columns)
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    lineage = ", ".join(f"{one.reference} (manifest SHA-256 {one.digest})" for one in manifests)
    manifest = register(
        store,
        Candidate(
            wanted.name,
            trained.stacker.estimator,
            trained.stacker.frame,
            truth=list(trained.truth),
            target=wanted.target,
            source=f"{data} (SHA-256 {digest}), held out",
            origin=f"stack of {lineage}",
        ),
    )
    _tell(manifest.reference, trained, wanted, as_json=as_json)


def _tell(reference: str, trained: TrainedStack, wanted: Stacking, *, as_json: bool) -> None:
    if as_json:
        output.print_json(
            {
                "registered": reference,
                "columns": list(trained.columns),
                "rows": len(trained.truth),
                "loss": trained.loss_name,
                "cross_validated": trained.cross_validated,
            }
        )
        return
    click.echo(
        f"registered {reference}, fitted on {len(trained.truth)} held-out rows alone, "
        "since its members are fitted already"
    )
    click.echo(
        f"{trained.loss_name}: {trained.cross_validated:.4f} on rows that it was not fitted on"
    )
    click.echo(f"combine: stack\nmeta: {reference}")
    if wanted.with_columns:
        click.echo(f"with_columns: [{', '.join(map(repr, wanted.with_columns))}]")


def _endpoint(wanted: Stacking, store: Any) -> Endpoint:
    """The endpoint, described without the meta-model, which need not be there yet."""
    from serve_app.control.declare import read
    from serve_app.standalone.declaration import read_config

    declared = copy.deepcopy(dict(read_config(wanted.config).endpoints))
    endpoints = declared.get("endpoints") or {}
    if wanted.endpoint not in endpoints:
        known = sorted(endpoints)
        msg = f"{wanted.config} declares no endpoint {wanted.endpoint!r}; it has {', '.join(known)}"
        raise NotFound(msg, known=known)
    settings = endpoints[wanted.endpoint]
    route = settings.get("route") or {}
    if route.get("combine") == "stack":
        kept = {"kind", "variants"}
        settings = {**settings, "route": {k: v for k, v in route.items() if k in kept}}
        if not _has_probabilities(route, store):
            settings["route"]["combine"] = "vote"
    alone = {**declared, "endpoints": {wanted.endpoint: settings}}
    return read(alone, store.manifest, store.resolve).checked()[wanted.endpoint]


def _has_probabilities(route: dict[str, Any], store: Any) -> bool:
    """Whether members can be averaged, so that the endpoint is described by `mean`."""
    first = store.manifest(*store.resolve(route["variants"][0]["model"])).signature.output
    return bool(first.probabilities or first.kind == "regression")
