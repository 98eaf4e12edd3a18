"""A file system elsewhere, of which every operation ends in time: with what it asked, or an error.

Libraries of object stores wait for minutes for a server that is silent, and then ask again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from serve_app.core.ports import Clock

T = TypeVar("T")
SILENT_S = 10.0
"""So long a server may take for an operation, beside the time for the bytes of a file."""
AGAIN_S, REMEMBERED_S = 1.0, 30.0
"""So long where it was silent just before, which is: within so many seconds."""
BYTES_PER_S = 2**20
"""As slow as this a file may come or go."""


class Answering:
    """The operations of an fsspec file system that the registry needs, each within its time.

    Every one of them raises TimeoutError where the server is silent for `silent_s`. A command asks
    for many files one after the other: of a `server` that was silent for one, it waits
    `AGAIN_S` for the next, whoever asks in this process, until it answers.
    """

    def __init__(
        self, fs: Any, server: str, silent_s: float = SILENT_S, clock: Clock = time.monotonic
    ) -> None:
        self._fs = fs
        self._server = server
        self._silent_s = silent_s
        self._clock = clock

    def invalidate_cache(self) -> None:
        """Forget what was listed before."""
        self._fs.invalidate_cache()

    def ls(self, path: str, *, detail: bool) -> Any:
        """What is in a folder."""
        return self._within(lambda: self._fs.ls(path, detail=detail))

    def isfile(self, path: str) -> bool:
        """Whether a path is that of a file."""
        return bool(self._within(lambda: self._fs.isfile(path)))

    def cat_file(self, path: str) -> bytes:
        """The content of a file."""
        size = self._within(lambda: self._fs.info(path)).get("size")
        content: bytes = self._within(lambda: self._fs.cat_file(path), size or 0)
        return content

    def makedirs(self, path: str, *, exist_ok: bool) -> None:
        """Make a folder and those around it."""
        self._within(lambda: self._fs.makedirs(path, exist_ok=exist_ok))

    def pipe_file(self, path: str, content: bytes, *, mode: str) -> None:
        """Write a file."""
        self._within(lambda: self._fs.pipe_file(path, content, mode=mode), len(content))

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        self._within(lambda: self._fs.rm_file(path))

    def rm(self, path: str, *, recursive: bool) -> None:
        """Remove a folder."""
        self._within(lambda: self._fs.rm(path, recursive=recursive))

    def _within(self, operation: Callable[[], T], size_bytes: int = 0) -> T:
        timeout_s = self._patience_s() + size_bytes / BYTES_PER_S
        outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                outcome.put((operation(), None))
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits for it
                outcome.put((None, error))

        # It may go on for as long as its library waits, and keeps no process from ending.
        threading.Thread(target=run, name="registry", daemon=True).start()
        try:
            result, error = outcome.get(timeout=timeout_s)
        except queue.Empty:
            _silences_s[self._server] = self._clock()
            msg = f"it did not answer within {timeout_s:.0f} s"
            raise TimeoutError(msg) from None
        _silences_s.pop(self._server, None)
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def _patience_s(self) -> float:
        latest_s = _silences_s.get(self._server)
        if latest_s is None or self._clock() - latest_s > REMEMBERED_S:
            return self._silent_s
        return min(AGAIN_S, self._silent_s)


_silences_s: dict[str, float] = {}
"""When servers were silent last, of those that have not answered since."""
