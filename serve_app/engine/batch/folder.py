"""The output of a job in a folder of this machine, or of a disk that several machines see.

An attempt is written where it is settled from, so that nothing has to be brought there. What is
created is linked to its name, which refuses to replace a file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from serve_app.batch.committed import Committed
from serve_app.batch.job import Format
from serve_app.core.disk import sync_folder
from serve_app.engine.batch.output_place import COMMITS, QUARANTINE, TMP, OutputPlace, part
from serve_app.registry.exclusive import place, temporary_beside


class OutputFolder(OutputPlace):
    """The folder of one job's output; raises OSError where the file system refuses."""

    kind, contents = "folder", "files"
    unseen = "is it on a disk that all nodes of the cluster see?"

    def __init__(self, root: Path, job: str, form: Format) -> None:
        super().__init__(root, job, form)
        self._root = root

    @property
    def scratch(self) -> Path:
        """Where attempts are written."""
        return self._root / TMP

    def claim(self) -> None:
        """Make the folder this job's.

        Raises:
            Conflict: it holds other files, or another job's output.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        super().claim()
        for folder in (QUARANTINE, COMMITS, TMP):
            (self._root / folder).mkdir(exist_ok=True)

    def opened(self, name: str) -> IO[bytes]:
        """A file of the output, to read."""
        return (self._root / name).open("rb")

    def sweep(self, shard: int | None = None) -> None:
        """Remove what attempts left behind: of one shard, or of all, and of everything else."""
        if shard is not None:
            leftovers = list(self.scratch.glob(f"{part(shard)}.*"))
        else:
            folders = [self._root / name for name in ("", QUARANTINE, COMMITS)]
            hidden = [file for folder in folders for file in folder.glob(".*") if _is_ours(file)]
            leftovers = [*self.scratch.iterdir(), *hidden]
        for file in leftovers:
            file.unlink(missing_ok=True)

    def _bring(self, mine: Committed) -> None:
        """It was written there, and is on the disk."""

    def _placed(self, temporary: str, name: str, size: int) -> bool:
        target = self._root / name
        with suppress(FileNotFoundError):
            place(self.scratch / temporary, target)
            sync_folder(target.parent)
        return self._size(name) == size

    def _others(self) -> list[str]:
        # What begins with a dot, a process may have left that died here.
        return sorted(one.name for one in self._root.iterdir() if one.name[0] != ".")

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def _created(self, name: str, content: bytes) -> bool:
        target = self._root / name
        temporary = temporary_beside(target)
        try:
            _written(temporary, content)
            created = place(temporary, target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return created

    def _replace(self, name: str, content: bytes) -> None:
        target = self._root / name
        temporary = temporary_beside(target)
        _written(temporary, content)
        temporary.replace(target)
        sync_folder(target.parent)

    def _remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def _size(self, name: str) -> int:
        try:
            return (self._root / name).stat().st_size
        except FileNotFoundError:
            return -1


def _written(file: Path, content: bytes) -> None:
    with file.open("xb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _is_ours(hidden: Path) -> bool:
    return hidden.name.startswith(("._", ".part-"))
