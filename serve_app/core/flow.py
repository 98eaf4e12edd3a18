"""Whose work is done: so that what several wait for is shared fairly among them."""

from __future__ import annotations

from contextvars import ContextVar

OWNER: ContextVar[str] = ContextVar("owner", default="")
"""The name of the caller whose request a task answers; nobody's where none is asked who they are.

It goes along like the trace of a request does, past all who have no use for it.
"""
