"""Tables of endpoints and of their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from serve_app.core.reference import alias_of, number_of

ENDPOINT_HEADS = ["endpoint", "route", "variant", "weight", "preprocess", "fallback"]
COLUMN_HEADS = ["column", "dtype", "null", "minimum", "maximum", "categories"]


def endpoint_rows(endpoints: list[dict[str, Any]]) -> list[list[Any]]:
    """One row per variant and shadow; what belongs to the endpoint stands in its first."""
    rows: list[list[Any]] = []
    for endpoint in endpoints:
        preprocess = endpoint["preprocess"]
        shown = _with_aliases(endpoint.get("follows", {}))
        placed = preprocess and f"{shown(preprocess['version'])} ({preprocess['placement']})"
        first = [endpoint["name"], endpoint.get("summary", endpoint["route"])]
        last = [placed, endpoint["fallback"] and shown(endpoint["fallback"])]
        for variant in endpoint["variants"]:
            rows.append([*first, shown(variant["version"]), f"{variant['weight']:g}", *last])
            first, last = [None, None], [None, None]
        rows += [
            [None, None, shown(shadow["version"]), f"shadow, {shadow['sample']:.0%}", None, None]
            for shadow in endpoint.get("shadows", ())
        ]
    return rows


def _with_aliases(follows: Mapping[str, str]) -> Callable[[str], str]:
    """How a version is shown: with the aliases by which an endpoint follows it, if it does."""
    references: dict[str, list[str]] = {}
    for reference, version in sorted(follows.items()):
        references.setdefault(version, []).append(reference)

    def shown(version: str) -> str:
        first, *others = references.get(version, [""])
        named = ", ".join([first, *(alias_of(one) or one for one in others)])
        return f"{named} → {number_of(version)}" if first else version

    return shown


def column_rows(columns: list[dict[str, Any]]) -> list[list[Any]]:
    """One row per column of a signature."""
    return [
        [
            column["name"],
            column["dtype"],
            "yes" if column["nullable"] else "no",
            column.get("minimum"),
            column.get("maximum"),
            ", ".join(map(str, column.get("categories", [])))[:60],
        ]
        for column in columns
    ]
