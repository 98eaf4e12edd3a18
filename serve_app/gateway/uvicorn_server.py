"""The HTTP server on a socket of our own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import uvicorn


class UnsignalledServer(uvicorn.Server):
    """uvicorn that leaves signals to whoever runs it; its own way ends by them, without a code."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
