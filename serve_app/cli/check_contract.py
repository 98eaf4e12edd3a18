"""Contracts with clients: what they send to versions of a model and get, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app.cli import output
from serve_app.core.signature import Signature
from serve_app.engine.checks import Check
from serve_app.errors import InvalidInput, ServeError
from serve_app.serving.planning.difference import PlannedChange, schema_changes

if TYPE_CHECKING:
    from serve_app.registry.store import Registry


def write_contract(place: Path, registry: Registry, references: Sequence[str]) -> None:
    """Write what clients send to the versions of a config and get from them, by model.

    Raises:
        ServeError: a version is not there.
    """
    signatures = {}
    for reference in references:
        manifest = registry.manifest(*registry.resolve(reference))
        signatures[manifest.name] = manifest.signature.to_json()
    output.write_whole(place, json.dumps({"models": signatures}, indent=2) + "\n")


def read_contract(place: Path) -> dict[str, Signature]:
    """The signatures by model that `write_contract` wrote.

    Raises:
        InvalidInput: the file holds none.
    """
    try:
        body = json.loads(place.read_text(encoding="utf-8"))
        return {name: Signature.from_json(one) for name, one in body["models"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{place} holds no contract ({error!r}); write one by --write-contract"
        raise InvalidInput(msg) from None


def contract_checks(
    contract: dict[str, Signature], registry: Registry, references: Sequence[str]
) -> Iterator[Check]:
    """Whether clients that keep to a contract can go on as they are, version by version."""
    for reference in references:
        try:
            manifest = registry.manifest(*registry.resolve(reference))
        except ServeError:
            # Said by the check of its digests.
            continue
        agreed = contract.get(manifest.name)
        if agreed is None:
            why = f"the contract says nothing of {manifest.name}"
            yield Check("contract", reference, skipped=why)
            continue
        changes = schema_changes(manifest.name, agreed, manifest.signature)
        words = [_words(change) for change in changes if change.breaks_clients]
        problem = f"clients would have to change: {'; '.join(words)}" if words else None
        yield Check("contract", reference, problem)


def _words(change: PlannedChange) -> str:
    if change.before is None or change.after is None:
        return change.words
    return f"{change.words} ({change.before} before, {change.after} now)"
