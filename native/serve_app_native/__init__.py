"""Sums over decision trees in C, exact to the bit; `serve_app` uses it where it is installed."""

from __future__ import annotations

from serve_app_native.forest import (
    Forest,
    Kind,
    Method,
    Nodes,
    Refused,
    Sets,
    Unsuited,
    choose_instructions,
    instructions,
)

__version__ = "1.2.0"
API = 3
"""Changes when what is called from outside does; who expects another one goes on without."""

__all__ = [
    "API",
    "Forest",
    "Kind",
    "Method",
    "Nodes",
    "Refused",
    "Sets",
    "Unsuited",
    "choose_instructions",
    "instructions",
]
