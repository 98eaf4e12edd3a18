"""Writes the log in a thread of its own, so that nobody waits for whoever reads it."""

from __future__ import annotations

import io
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from serve_app.monitoring.catalogue import LOG_LINES_DROPPED, Sample

MOST_LINES = 1000
"""So many wait while nobody reads."""
END_WITHIN_S = 1.0
FULL, GONE = "full", "gone"


class WrittenByThread(logging.Handler):
    """Lines wait for a thread that writes them to a stream; `most_lines` at most.

    What finds no room (`full`: whoever reads stands still), or cannot be written (`gone`: nobody
    reads any more), is dropped and counted. At the end lines have a second to be written.
    """

    def __init__(self, stream: TextIO, *, most_lines: int = MOST_LINES) -> None:
        super().__init__()
        self._write = _writer(stream)
        self._lines: queue.Queue[str | None] = queue.Queue(most_lines)
        self._dropped: dict[str, int] = {}
        # A thread that waits for a reader must not keep the process from ending.
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Let a record wait for its turn."""
        try:
            self._lines.put_nowait(self.format(record) + "\n")
        except queue.Full:
            self._drop(FULL)

    def samples(self) -> Iterator[Sample]:
        """How many lines were dropped, by why."""
        for reason, number in list(self._dropped.items()):
            yield Sample(LOG_LINES_DROPPED, (reason,), number)

    def close(self) -> None:
        """Write what waits, for a second at most."""
        try:
            self._lines.put(None, timeout=END_WITHIN_S)
        except queue.Full:
            pass
        else:
            self._thread.join(END_WITHIN_S)
        super().close()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(line)
            except (OSError, ValueError):
                self._drop(GONE)

    def _drop(self, reason: str) -> None:
        self._dropped[reason] = self._dropped.get(reason, 0) + 1


def _writer(stream: TextIO) -> Callable[[str], None]:
    """What writes a line: past the stream's buffer, whose lock would be held while it waits."""
    try:
        descriptor = stream.fileno()
    except (OSError, io.UnsupportedOperation):

        def write(line: str) -> None:
            stream.write(line)
            stream.flush()

        return write

    def write_through(line: str) -> None:
        rest = memoryview(line.encode(errors="backslashreplace"))
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    return write_through
