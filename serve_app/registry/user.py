"""Who registers, moves and deletes."""

from __future__ import annotations

import getpass


def current_user() -> str:
    """Who is logged in; `unknown` where the number of a user has no name."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        # A container may run under a number that no name belongs to.
        return "unknown"
