"""What tests put into registries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from serve_app.core.signature import Column, Output, Signature
from serve_app.registry.manifest import Draft

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FILES = {"model.ubj": b"trees" * 100, "encoders/sex.json": b'["female", "male"]'}
PLACES = ("folder", "file", "memory", "any other filesystem")
SIGNATURE = Signature(
    (Column("age", "int64", minimum=0, maximum=120),), Output("classification", ("no", "yes"))
)


def draft(name: str = "diagnosis-xgb", **changed: Any) -> Draft:
    body: dict[str, Any] = {
        "name": name,
        "flavour": "xgboost",
        "format": "ubj",
        "signature": SIGNATURE,
    }
    return Draft(**(body | changed))


def at_noon() -> datetime:
    return NOON
