"""Whether whoever reads wants escape codes."""

from __future__ import annotations

import os


def color() -> bool | None:
    """False where nobody wants escape codes: NO_COLOR is set, or the terminal knows none.

    Otherwise none: whether it is a terminal at all decides.
    """
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") in {"dumb", "unknown"}
    return False if unwanted else None
