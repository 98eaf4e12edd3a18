"""What the pages of models and versions show, out of manifests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.console.endpoint_view import versions_of
from serve_app.engine.lineage.card import Card, card_of
from serve_app.engine.lineage.difference import Difference, differences
from serve_app.errors import NotFound
from serve_app.registry.card_notes import CardNote
from serve_app.registry.manifest import Manifest

PER_PAGE = 25
"""Versions of one page of a model's table."""


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in the table of its model; `why` says what could not be read of it."""

    number: int
    aliases: tuple[str, ...]
    serves: tuple[str, ...]
    created_at: str = ""
    created_by: str = ""
    metrics: Mapping[str, float] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a long list: what is on it, which page it is, and of how many."""

    items: tuple[Any, ...]
    page: int
    pages: int
    total: int


def slice_of(items: Sequence[Any], page: str, per_page: int = PER_PAGE) -> Slice:
    """A page of a list by its number from 1 on, as an address names it; the nearest that exists."""
    pages = max(1, -(-len(items) // per_page))
    named = int(page) if page.isascii() and page.isdecimal() and len(page) < 9 else 1
    at = min(max(named, 1), pages)
    return Slice(tuple(items[(at - 1) * per_page : at * per_page]), at, pages, len(items))


def manifest_of(body: Mapping[str, Any]) -> Manifest:
    """The manifest of a version as the admin API tells it."""
    return Manifest.decode(json.dumps(body).encode())


def serving(endpoints: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The endpoints by the versions that they ask, in whatever place."""
    places: dict[str, list[str]] = {}
    for endpoint in endpoints:
        for version in versions_of(endpoint):
            places.setdefault(version, []).append(endpoint["name"])
    return {version: tuple(names) for version, names in places.items()}


def version_line(
    model: Mapping[str, Any],
    number: int,
    body: Mapping[str, Any] | str,
    places: Mapping[str, tuple[str, ...]],
) -> VersionLine:
    """A version in its model's table; `body` is its manifest, or why there is none."""
    aliases = tuple(name for name, at in sorted(model["aliases"].items()) if at == number)
    serves = places.get(f"{model['model']}@{number}", ())
    if isinstance(body, str):
        return VersionLine(number, aliases, serves, why=body)
    metrics = body.get("metrics") or {}
    shown = metrics.get("held_out") or metrics.get("cross_validated") or {}
    return VersionLine(number, aliases, serves, body["created_at"], body["created_by"], shown)


def metric_names(lines: Iterable[VersionLine], most: int = 4) -> list[str]:
    """The metrics that columns of the table show, those that come first in manifests."""
    names = dict.fromkeys(name for line in lines for name in line.metrics or {})
    return list(names)[:most]


def card(body: Mapping[str, Any], notes: Iterable[Mapping[str, Any]]) -> Card:
    """The card of a version, of its manifest and what people wrote on it."""
    return card_of(manifest_of(body), [CardNote(**one) for one in notes])


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Difference]]:
    """What differs between two versions, by section."""
    sections: dict[str, list[Difference]] = {}
    for one in differences(manifest_of(before), manifest_of(after)):
        sections.setdefault(one.section, []).append(one)
    return sections


def numbered(model: Mapping[str, Any], text: str, otherwise: int) -> int:
    """The number of a version that an address names by number or alias.

    Raises:
        NotFound: the model has no such version; names those that there are.
    """
    if not text:
        return otherwise
    versions = model["versions"]
    known = {str(one): one for one in versions} | dict(model["aliases"])
    if text not in known:
        listed = f"{versions[0]} to {versions[-1]}"
        raise NotFound(f"{model['model']} has no version {text[:80]!r}; it has {listed}")
    return int(known[text])
