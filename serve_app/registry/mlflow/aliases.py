"""Aliases of a model here and on a server of MLflow's: one of the two leads, the other follows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from serve_app.core import reference as references
from serve_app.errors import Conflict
from serve_app.registry.manifest import Manifest
from serve_app.registry.mlflow.address import PREFIX
from serve_app.registry.mlflow.client import MlflowClient
from serve_app.registry.mlflow.documents import DIGEST
from serve_app.registry.store import Registry

Source = Literal["here", "mlflow"]
LEADS = "serve_app.aliases"
"""The tag of a registered model that says which side leads."""
BY = "mlflow"
"""Who moved an alias that followed one of MLflow's."""
_RESERVED = re.compile(r"latest|v[0-9]+", re.IGNORECASE)
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class AliasChange:
    """What became of an alias: the version of the side that follows, or why nothing did.

    `version` is none where it was removed, and where `skipped` says why it was left alone.
    """

    alias: str
    version: str | None
    skipped: str | None = None


def sync_aliases(
    client: MlflowClient, registry: Registry, model: str, source: Source
) -> list[AliasChange]:
    """Let one side's aliases of a model follow the other's; equal ones are left out.

    Which side leads is written down on the server the first time.

    Raises:
        Conflict: the other side leads; two that lead would move each other's aliases for ever.
        ServeError: as the client's and the registry's methods raise.
    """
    theirs = client.get("registered-models/get", name=model)["registered_model"]
    leads = _pairs(theirs.get("tags", ())).get(LEADS)
    if leads is not None and leads != source:
        msg = (
            f"aliases of {model} follow those {_words(leads)}, as the tag {LEADS} of the model on "
            f"{client.server} says; delete that tag there to let them follow those {_words(source)}"
        )
        raise Conflict(msg)
    if leads is None:
        tag = {"name": model, "key": LEADS, "value": source}
        client.send("POST", "registered-models/set-tag", tag)
    stands = {str(one["alias"]): str(one["version"]) for one in theirs.get("aliases", ())}
    versions = list(_versions(client, model))
    if source == "here":
        return list(_sent(client, registry, model, (stands, versions)))
    return list(_followed(client, registry, model, (stands, versions)))


_Standing = tuple[Mapping[str, str], list[Mapping[str, Any]]]


def _sent(
    client: MlflowClient, registry: Registry, model: str, standing: _Standing
) -> Iterator[AliasChange]:
    stands, versions = standing
    of_digest = {_pairs(one.get("tags", ())).get(DIGEST): str(one["version"]) for one in versions}
    ours = registry.aliases(model)
    for alias, number in ours.items():
        reason = None
        version = of_digest.get(registry.manifest(model, number).digest)
        if _RESERVED.fullmatch(alias):
            reason = "MLflow keeps that name for itself"
        elif version is None:
            reason = f"{model}@{number} was not exported"
        if reason is not None:
            yield AliasChange(alias, None, reason)
        elif stands.get(alias) != version:
            body = {"name": model, "alias": alias, "version": version}
            client.send("POST", "registered-models/alias", body)
            yield AliasChange(alias, version)
    # Only those that were ours once: others may belong to somebody else.
    for alias in sorted(set(registry.alias_histories(model)) & set(stands) - set(ours)):
        client.send("DELETE", "registered-models/alias", {"name": model, "alias": alias})
        yield AliasChange(alias, None)


def _followed(
    client: MlflowClient, registry: Registry, model: str, standing: _Standing
) -> Iterator[AliasChange]:
    stands, versions = standing
    manifests = [registry.manifest(model, number) for number in registry.versions(model)]
    ours = registry.aliases(model)
    by_version = {str(one["version"]): one for one in versions}
    for alias, version in stands.items():
        number = _number(manifests, client.server, by_version.get(version, {}))
        if not references.is_alias(alias):
            yield AliasChange(alias, None, "it cannot be an alias here")
        elif number is None:
            yield AliasChange(alias, None, f"version {version} of MLflow is not registered here")
        elif ours.get(alias) != number:
            reason = f"version {version} on {client.server}"
            registry.set_alias(model, alias, number, by=BY, reason=reason)
            yield AliasChange(alias, str(number))
    for alias in sorted(set(ours) - set(stands)):
        if registry.alias_history(model, alias)[-1].by == BY:
            registry.remove_alias(model, alias, by=BY, reason=f"removed on {client.server}")
            yield AliasChange(alias, None)


def _number(manifests: list[Manifest], server: str, theirs: Mapping[str, Any]) -> int | None:
    """The newest version here that came from one of MLflow's, or was exported as it."""
    digest = _pairs(theirs.get("tags", ())).get(DIGEST)
    which = f"#models:/{theirs.get('name')}/{theirs.get('version')}"
    # A server may have several addresses; ids of runs are the same at all of them.
    run = f"{which}, run {theirs.get('run_id')}"
    for manifest in reversed(manifests):
        origin = manifest.origin or ""
        came_from = origin == f"{PREFIX}{server}{which}" or origin.endswith(run)
        if came_from or manifest.digest == digest:
            return manifest.version
    return None


def _versions(client: MlflowClient, model: str) -> Iterator[Mapping[str, Any]]:
    query: dict[str, str | int] = {"filter": f"name='{model}'", "max_results": _PAGE}
    while True:
        page = client.get("model-versions/search", **query)
        yield from page.get("model_versions") or []
        if not page.get("next_page_token"):
            return
        query["page_token"] = page["next_page_token"]


def _words(source: str) -> str:
    return "here" if source == "here" else "of MLflow"


def _pairs(listed: Any) -> dict[str, str]:
    return {str(one["key"]): str(one.get("value", "")) for one in listed}
