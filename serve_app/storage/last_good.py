"""The last good snapshot in a small file of its own, for when the database cannot be read."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from serve_app.registry.exclusive import STALE_S, temporary_beside

logger = logging.getLogger("serve_app.storage")


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot as text; `declaration` is the hash of what it follows."""

    version: int
    declaration: str
    body: str


class LastGood:
    """One file that is replaced whole, so that a full disk leaves the former one in place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, database: Path) -> LastGood:
        """The file that belongs to a database file."""
        return cls(database.with_name(f"{database.name}.last-snapshot"))

    def save(self, snapshot: StoredSnapshot) -> None:
        """Keep a snapshot, unless a newer one is there.

        Raises:
            OSError: it cannot be written; the former one is still there.
        """
        present = self.read()
        if present is not None and present.version >= snapshot.version:
            return
        header = {
            "version": snapshot.version,
            "declaration": snapshot.declaration,
            "sha256": _digest(snapshot.body),
        }
        made = temporary_beside(self.path)
        try:
            with made.open("w", encoding="utf-8") as file:
                file.write(f"{json.dumps(header)}\n{snapshot.body}")
                file.flush()
                os.fsync(file.fileno())
            made.replace(self.path)
            self._clear()
        finally:
            with suppress(OSError):
                made.unlink()

    def _clear(self) -> None:
        """Remove what processes that were killed left behind."""
        now_s = self.path.stat().st_mtime
        for left in self.path.parent.glob(f".{self.path.name}.*"):
            with suppress(OSError):
                if now_s - left.stat().st_mtime > STALE_S:
                    left.unlink()

    def read(self) -> StoredSnapshot | None:
        """The snapshot, or none where there is none that can be read."""
        try:
            header, _, body = self.path.read_text(encoding="utf-8").partition("\n")
            fields = json.loads(header)
            if fields["sha256"] != _digest(body):
                raise ValueError("its digest does not fit")
            return StoredSnapshot(int(fields["version"]), str(fields["declaration"]), body)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning(
                "the last good snapshot cannot be read",
                extra={"file": str(self.path), "why": str(error)},
            )
            return None


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
