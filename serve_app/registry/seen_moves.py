"""How many moves an alias had when it was seen last: fewer mean that some were taken back."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve_app.errors import RegistryFailed
from serve_app.registry.exclusive import temporary_beside

_logger = logging.getLogger(__name__)


class SeenMoves:
    """The highest number of a move that was seen of each alias, of a process or in a file.

    Without a file it is forgotten with the process. Several processes may have one file.

    Raises RegistryFailed where there is a file that cannot be read.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._highest = {} if file is None else _read(file)

    def highest(self, alias: str) -> int:
        """The highest number that was seen of `model@alias`; 0 where it never was."""
        return self._highest.get(alias, 0)

    def note(self, alias: str, number: int) -> None:
        """Remember a number that is higher than what was seen."""
        if number <= self.highest(alias):
            return
        self._highest[alias] = number
        if self._file is None:
            return
        try:
            with _alone(self._file):
                known = _read(self._file)
                known[alias] = max(number, known.get(alias, 0))
                _write(self._file, known)
        except OSError as error:
            # What was seen is right all the same, and known to this process.
            _logger.error(
                "moves of aliases that were seen cannot be remembered in %s: %s", self._file, error
            )


def _read(file: Path) -> dict[str, int]:
    try:
        body = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        msg = f"{file}, which says what moves of aliases were seen, cannot be read: {error}"
        raise RegistryFailed(msg, path=str(file)) from error
    if not isinstance(body, dict) or not all(isinstance(one, int) for one in body.values()):
        msg = f"{file} does not say which moves of aliases were seen; restore it"
        raise RegistryFailed(msg, path=str(file))
    return body


def _write(file: Path, known: dict[str, int]) -> None:
    temporary = temporary_beside(file)
    try:
        with temporary.open("x", encoding="utf-8") as written:
            written.write(json.dumps(known, sort_keys=True))
            written.flush()
            os.fsync(written.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Keep other processes of this machine from writing meanwhile."""
    import fcntl  # noqa: PLC0415 - Windows has none

    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
