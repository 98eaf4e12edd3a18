"""What tables name by its place, `module:Name`, so that it is imported only when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def standing_at(place: str) -> Any:
    """What stands at a place; raises as importing its module does."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
